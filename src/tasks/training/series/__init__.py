"""Series in time: regressions with errors that persist, and dates of change."""
