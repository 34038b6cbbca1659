"""What is done away from the event loop: training, reading and writing the store."""
