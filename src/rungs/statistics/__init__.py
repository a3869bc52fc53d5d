"""Statistics of predictions and of their differences: pure functions on numpy arrays."""
