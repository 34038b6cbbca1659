"""What a person runs on a machine that is in doubt (``--selftest``, Help > Self-test).

``check.py`` says what a check is, ``table.py`` names them all, ``runner.py`` carries them out in child processes, each
within its time, and ``report.py`` puts what they found into lines. Checks of what the window stands on are in
``gui/startup/selftest.py`` and handed in, as the engine knows nothing of Qt.
"""
