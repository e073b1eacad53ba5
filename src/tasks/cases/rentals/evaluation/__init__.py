"""Rentals: Evaluation."""
