"""The tab of an experiment: form, controls, start page and board."""
