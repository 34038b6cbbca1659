"""Computation of a network's layers, in inference and in training."""
