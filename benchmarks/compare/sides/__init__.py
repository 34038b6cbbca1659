"""The ways of training that are compared, one a file.

Each has ``make(workload)``, which gives a function that trains the workload once from the beginning and says what it
cost as a :class:`~benchmarks.compare.protocol.Round`.
"""
