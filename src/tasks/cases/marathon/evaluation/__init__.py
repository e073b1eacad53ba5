"""Marathon: Evaluation."""
