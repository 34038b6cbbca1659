"""What is kept: the SQLite file, who writes it, and how it is looked after."""
