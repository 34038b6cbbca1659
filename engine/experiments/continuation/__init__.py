"""Training continued from the weights of a trained network."""
