"""Figures: data to matplotlib figure, used in every stage."""
