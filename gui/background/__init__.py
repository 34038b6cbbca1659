"""Background threads: training, and reading and writing the store."""
