"""Training of one run: the Keras model that measures gradients, the callbacks that report, and the trainer."""
