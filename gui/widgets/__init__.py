"""Small widgets, independent of experiments."""
