"""The Watch tab: runs that other programs train and log."""
