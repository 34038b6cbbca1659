"""The tab of an experiment: its form, its controls, its board."""
