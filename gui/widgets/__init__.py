"""Small widgets that know nothing of training."""
