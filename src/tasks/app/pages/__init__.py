"""The pages of the data app, one question each."""
