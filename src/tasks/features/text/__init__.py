"""Texts as weighed words."""
