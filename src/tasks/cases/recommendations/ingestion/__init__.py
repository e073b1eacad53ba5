"""Recommendations: Data understanding."""
