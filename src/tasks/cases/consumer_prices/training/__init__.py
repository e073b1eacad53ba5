"""Consumer prices: Modelling."""
