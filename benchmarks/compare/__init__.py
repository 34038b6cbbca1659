"""The same training done by PyTorch, by plain Keras and by this program, timed in turns."""
