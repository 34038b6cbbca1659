"""Execution of tasks: in this process, in child processes or in a cluster, behind one interface."""
