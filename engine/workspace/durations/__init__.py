"""How long experiments take: told before they begin, and how much time is left while they run."""
