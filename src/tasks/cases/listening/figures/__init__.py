"""Listening: its figures."""
