"""Compute devices: which exist, whether they compute correctly, and which is the fastest."""
