"""Analysis of stored results: statistics, significance tests, claims and the figures that several experiments share."""
