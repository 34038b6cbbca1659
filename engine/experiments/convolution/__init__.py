"""Part 2 of the homework: a convolution written in NumPy, held against TensorFlow's."""
