"""What happens before and while the window opens."""
