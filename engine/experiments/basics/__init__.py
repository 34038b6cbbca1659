"""Part 1 of the homework: cross-entropy, gradients from weights, batches, parameter counts."""
