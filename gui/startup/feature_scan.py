"""Imports without PySide's scan of their source."""

from __future__ import annotations

import sys


def skip_feature_scan() -> None:
    """Keep PySide from reading the source of every module that is imported after it.

    It looks for modules that use Qt, where ``from __feature__ import snake_case`` could rename methods; no module here
    does so. The scan takes an eighth of the time of the imports. Without that function of PySide nothing is changed.
    """
    import PySide6.QtCore  # noqa: F401 - which installs the scan

    feature = sys.modules.get("shibokensupport.feature")
    if feature is not None and "_mod_uses_pyside" in vars(feature):
        vars(feature)["_mod_uses_pyside"] = _uses_no_feature


def _uses_no_feature(_module: object) -> bool:
    return False
