"""Keras callbacks, one per file: they report and control training, and compute nothing that it needs."""
