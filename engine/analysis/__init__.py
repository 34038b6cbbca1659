"""What stored measurements say: results of an experiment, statistics, significance, claims, diagnosis and figures."""
