"""The tab *Try it*: one image and what a trained network makes of it."""
