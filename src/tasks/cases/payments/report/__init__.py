"""Payments: Deployment: its report."""
