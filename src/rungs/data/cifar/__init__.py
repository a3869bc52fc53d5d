"""Reading CIFAR-100 from whatever form it is at hand in."""
