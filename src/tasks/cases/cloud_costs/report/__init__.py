"""Cloud costs: Deployment: the report."""
