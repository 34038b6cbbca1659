"""Plots that know nothing of a board."""
