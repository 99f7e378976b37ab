"""Training: from a dataset to a policy checkpoint, a curve and a log."""
