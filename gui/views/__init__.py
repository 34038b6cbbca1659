"""Widgets that show what was observed; each has a ``refresh`` that a timer calls."""
