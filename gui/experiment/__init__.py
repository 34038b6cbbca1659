"""The tab of an experiment: form, controls and board."""
