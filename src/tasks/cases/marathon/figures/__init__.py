"""Marathon: its figures."""
