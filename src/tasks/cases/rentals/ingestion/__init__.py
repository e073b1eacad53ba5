"""Rentals: Data understanding: what its files say, and in which currency."""
