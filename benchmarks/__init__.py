"""Benchmarks whose candidates are measured in turns. Run with ``make bench`` on an otherwise idle machine."""
