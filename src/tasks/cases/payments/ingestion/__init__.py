"""Payments: Data understanding: its sources."""
