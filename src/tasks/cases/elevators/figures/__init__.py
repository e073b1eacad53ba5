"""Elevators: its figures."""
