"""The same training by PyTorch, plain Keras and this program, timed in turns."""
