"""How does a small network of our own learn to see as a large one does? Distillation, on a processor or a GPU."""
