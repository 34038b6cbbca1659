"""What is fast, measured side by side in one run. Run with ``make bench`` on an otherwise idle machine."""
