"""Rentals: Deployment: its report."""
