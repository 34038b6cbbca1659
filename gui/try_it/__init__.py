"""The tab *Try it*: a trained network applied to a single image."""
