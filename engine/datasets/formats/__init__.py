"""One file a source or file format of images."""
