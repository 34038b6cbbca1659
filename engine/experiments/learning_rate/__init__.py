"""Part 5 of the homework, first half: several learning rates, and the range test."""
