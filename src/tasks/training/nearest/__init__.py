"""Nearest neighbours: hashing, exact search, and what they are measured against."""
