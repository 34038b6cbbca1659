"""Event folders of TensorBoard."""
