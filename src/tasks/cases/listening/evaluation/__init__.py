"""Listening: Evaluation."""
