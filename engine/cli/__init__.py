"""The command line: arguments, ``--batch``, ``--list`` and ``--selftest``, and progress in a terminal."""
