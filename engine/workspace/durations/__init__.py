"""Estimates of how long experiments take, and of the time left while they run."""
