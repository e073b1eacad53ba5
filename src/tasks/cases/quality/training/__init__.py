"""Quality: Modelling."""
