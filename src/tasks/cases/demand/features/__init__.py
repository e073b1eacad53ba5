"""Demand: Data preparation: the grid of series and periods, demand behind empty shelves, inputs of the model."""
