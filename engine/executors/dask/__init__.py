"""Trains runs on the workers of a Dask cluster. Nothing outside this package imports Dask."""
