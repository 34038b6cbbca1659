"""Augmentation of training images: what is drawn for each image of an epoch, and how it is applied to a batch."""
