"""What is known of the experiments in sight, without Qt."""
