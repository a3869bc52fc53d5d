"""Networks: from a recipe to a live `nn.Module`, what it costs, and its answers to images."""
