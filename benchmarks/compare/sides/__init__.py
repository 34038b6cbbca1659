"""The compared training loops, one per file.

Each has ``make(workload)``, which returns a function that trains the workload once from scratch and returns its cost as
a ``benchmarks.compare.protocol.Round``.
"""
