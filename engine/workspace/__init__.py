"""A workspace as its owner sees it: the list of experiments, the queue, trained networks, remembered paths."""
