"""What a workspace holds beside the results."""
