"""Elevators: Evaluation."""
