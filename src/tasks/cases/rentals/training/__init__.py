"""Rentals: Modelling."""
