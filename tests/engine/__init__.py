"""Mirrors engine/."""
