"""Cloud costs: Evaluation: what changed, what stands out, what is not used, what would be cheaper."""
