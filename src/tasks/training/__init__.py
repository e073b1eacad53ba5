"""Modelling: networks, regressors, clusters, hashing."""
