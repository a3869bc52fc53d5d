"""Training: the loop, its optimiser, checkpoints and execution record."""
