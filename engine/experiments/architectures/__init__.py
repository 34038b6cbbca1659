"""Part 3 of the homework: several architectures compared."""
