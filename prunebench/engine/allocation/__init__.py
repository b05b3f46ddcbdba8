"""How much of the sparsity each decoder block takes, usable with any score."""
