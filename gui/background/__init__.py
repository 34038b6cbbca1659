"""Threads beside the event loop: the one that trains, and the ones that read the store."""
