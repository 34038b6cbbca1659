"""State of an experiment as the window has received it: plain data without Qt, which the views draw."""
