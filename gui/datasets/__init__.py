"""The tab *Data sets*."""
