"""Consumer prices: Evaluation."""
