"""The board of part 2: a sliding kernel, outputs, methods compared."""
