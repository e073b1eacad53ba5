"""Movies: Evaluation."""
