"""The data app: what the cases found and learned, for people who do not code."""
