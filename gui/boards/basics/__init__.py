"""The board of the Basics tab: cross-entropy, batches, parameters, recovered gradients."""
