"""The board of part 1: cross-entropy, batches, parameters, recovered gradients."""
