"""Cloud costs: Data preparation: one currency, amortised commitments, days and groups."""
