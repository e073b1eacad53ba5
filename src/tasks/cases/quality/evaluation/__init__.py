"""Quality: Evaluation."""
