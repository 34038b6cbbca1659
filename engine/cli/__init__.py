"""The program without a window: ``--batch`` and ``--list``."""
