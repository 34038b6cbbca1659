"""Persistent storage of results: the SQLite store, its locks, integrity check and recovery."""
