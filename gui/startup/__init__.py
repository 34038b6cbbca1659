"""Start-up: platform checks, splash screen, and work deferred until the window is painted."""
