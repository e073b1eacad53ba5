"""Pedestrians: Evaluation."""
