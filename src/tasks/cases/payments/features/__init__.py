"""Payments: Data preparation."""
