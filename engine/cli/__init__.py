"""The command line interface: ``--batch``, ``--list`` and ``--selftest``."""
