"""Marathon: Deployment: its report."""
