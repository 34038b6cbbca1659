"""Readers of named data sets and file formats, one module each."""
