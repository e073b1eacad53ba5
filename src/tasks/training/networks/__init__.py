"""Networks for pictures: architectures, schedules that fit a budget, a loop that survives a kill, heads on features."""
