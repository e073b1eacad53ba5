"""Quality: Data preparation: the split, what gives the result away, and what pairs of inputs tell."""
