"""Rentals: Data preparation."""
