"""Foundations without dependencies on other packages: types, errors, texts, paths, files, logs."""
