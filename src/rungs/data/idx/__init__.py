"""Sets in the idx form of MNIST: four files, packed or not."""
