"""Quality: Deployment: what is said."""
