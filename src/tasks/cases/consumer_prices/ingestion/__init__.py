"""Consumer prices: Data understanding: its sources."""
