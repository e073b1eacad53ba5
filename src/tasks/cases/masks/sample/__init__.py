"""The embedded faces of the case, drawn by seeded code."""
