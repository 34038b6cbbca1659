"""Tests of what the window knows of experiments."""
