"""Contents of a workspace beside the results: catalogue, queue, libraries, and plans of what to run."""
