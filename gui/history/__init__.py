"""The tab *History*, and experiments opened from it."""
