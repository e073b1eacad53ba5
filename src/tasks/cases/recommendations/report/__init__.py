"""Recommendations: Deployment: its report."""
