"""What the window knows of an experiment: plain data without Qt, from which the views draw."""
