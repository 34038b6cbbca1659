"""Keras callbacks, one a file: they report and steer, they compute nothing that training needs."""
