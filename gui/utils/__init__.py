"""Theme, preferences, texts and pens."""
