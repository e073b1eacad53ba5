"""Demand: Evaluation: the test weeks, and the replay of the orders."""
