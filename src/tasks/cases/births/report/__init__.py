"""Births: Deployment: its report."""
