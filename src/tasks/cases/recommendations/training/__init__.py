"""Recommendations: Modelling."""
