"""Runs in child processes of this machine."""
