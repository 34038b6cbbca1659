"""Forms built from the fields of a spec, and their editors."""
