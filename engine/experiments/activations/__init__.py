"""Part 4 of the homework: ReLU against sigmoid, and other activations."""
