"""Curves over steps, epochs or time: drawing, decimation, legend, cursor, options."""
