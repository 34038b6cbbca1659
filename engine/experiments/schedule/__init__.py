"""Part 5 of the homework, second half: a learning rate that falls at plateaus."""
