"""Data preparation: embedding, scaling, encoding."""
