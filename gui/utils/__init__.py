"""Theme, preferences, text formatting and painting."""
