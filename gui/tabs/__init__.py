"""One tab an experiment; :data:`TABS` says which views it has."""

from __future__ import annotations

from gui.tabs.architectures import ARCHITECTURE_VIEWS
from gui.tabs.experiment_tab import Views

TABS: dict[str, Views] = {"architectures": ARCHITECTURE_VIEWS}
