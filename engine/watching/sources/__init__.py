"""Readers of the logs of runs, one module per format."""
