"""Payments: its embedded sample."""
