"""What a workspace is asked for beside its results: what can go on, and what that comes to."""
