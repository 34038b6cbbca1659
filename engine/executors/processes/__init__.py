"""Execution of tasks in child processes of this machine."""
