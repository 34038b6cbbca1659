"""Self-test of an installation (``--selftest``, Help > Self-test).

``check.py`` defines a check, ``registry.py`` lists all checks, ``runner.py`` runs them in child processes with a time
limit, and ``report.py`` formats the results. Checks of the window's foundations are in ``gui/startup/selftest.py`` and
passed in, as the engine does not depend on Qt.
"""
