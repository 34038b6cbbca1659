"""Training of runs on the workers of a Dask cluster; no module outside this package imports Dask."""
