"""Demand: Deployment: what is said."""
