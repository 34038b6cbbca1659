"""The command line interface: ``--batch``, ``--watch``, ``--list`` and ``--selftest``."""
