"""gui.startup.feature_scan: PySide reads the source of no module that is imported after it."""

from __future__ import annotations

from tests.engine.support import python

READ = """
import inspect
from gui.startup.feature_scan import skip_feature_scan
if {skips}:
    skip_feature_scan()
import PySide6.QtCore
read = []
getsource = inspect.getsource
inspect.getsource = lambda module: read.append(module) or getsource(module)
import uuid
print(bool(read))
"""


def test_the_source_of_a_module_is_not_read_at_its_import() -> None:
    outputs = [python("-c", READ.format(skips=skips)) for skips in (True, False)]
    assert [output.stdout.strip() for output in outputs] == ["False", "True"], (
        "else PySide scans otherwise, or no longer"
    )
