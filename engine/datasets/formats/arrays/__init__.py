"""What NumPy arrays mean: which are the images and labels of which part, and in what form."""
