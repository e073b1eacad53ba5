"""Listening: Deployment: its report."""
