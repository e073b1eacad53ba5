"""Data understanding: contracts and quarantine."""
