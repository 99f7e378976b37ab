"""Training: from a data set to a policy's checkpoint, a curve and a log."""
