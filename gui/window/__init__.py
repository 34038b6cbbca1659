"""The main window and the controllers behind it."""
