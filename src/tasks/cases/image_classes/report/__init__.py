"""Image classes: what the report says."""
