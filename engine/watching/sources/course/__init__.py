"""Result dictionaries of the course."""
