"""Rentals: its figures."""
