"""Exit codes of the program without a window."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
