"""Plots, independent of any board."""
