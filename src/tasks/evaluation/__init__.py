"""Evaluation: metrics with intervals, baselines, champion against challenger."""
