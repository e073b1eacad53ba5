"""Elevators: Data understanding: its sources."""
