"""The History tab, and tabs of experiments and comparisons opened from it."""
