"""Similarity: Deployment: its report."""
