"""engine.utils.versions: installed versions, found without imports."""

from __future__ import annotations

import json

import pytest

from engine.utils import versions as module
from engine.utils.versions import versions
from tests.engine.support import python


def test_every_library_has_its_version() -> None:
    found = versions()
    assert next(iter(found)) == "Trainscope"
    assert all(text[0].isdigit() for text in found.values()), found


def test_nothing_is_imported_for_it() -> None:
    code = (
        "import json, sys; from engine.utils.versions import versions; versions(); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    loaded = json.loads(python("-c", code).stdout)
    assert not {"tensorflow", "keras", "sklearn", "PySide6", "pyqtgraph"} & set(loaded)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.LIBRARIES, "Nothing", "there-is-no-such-package-here")
    assert versions()["Nothing"] == "not installed"
