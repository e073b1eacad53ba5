"""Elevators: Deployment: its report."""
