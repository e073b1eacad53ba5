"""Similarity: its figures."""
