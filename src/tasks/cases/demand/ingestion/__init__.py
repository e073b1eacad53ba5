"""Demand: Data understanding: the table, its columns, and its dates."""
