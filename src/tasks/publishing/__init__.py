"""Deployment: report, result record, model registry."""
