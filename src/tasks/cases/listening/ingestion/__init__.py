"""Listening: Data understanding: its sources."""
