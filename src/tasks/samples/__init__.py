"""The embedded sample of each case: seeded, with a known truth to recover."""
