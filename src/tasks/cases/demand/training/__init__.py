"""Demand: Modelling: forecasts, the choice among them, intervals, sums that add up, orders."""
