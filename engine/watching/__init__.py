"""Runs that other programs train and log: their files are followed, stored, and reported as events."""
