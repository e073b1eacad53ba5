"""Consumer prices: Deployment: its report."""
