"""What `benchmarks/hardiness.py` does to Casebook: kills, damage, a crowd of runs, and narrow places."""
