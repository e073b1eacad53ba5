"""Which model tells a mask, and what makes it hold where no picture came from."""
