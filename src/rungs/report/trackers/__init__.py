"""Studies in the trackers that people look at: TensorBoard, MLflow, Weights & Biases."""
