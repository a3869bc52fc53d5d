"""Reading CIFAR-10 and CIFAR-100 from whatever form they are at hand in."""
