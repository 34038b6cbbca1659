"""Mirrors engine/ and gui/."""
