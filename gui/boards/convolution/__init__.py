"""The board of the Convolution tab: a sliding kernel, outputs, comparison of methods."""
