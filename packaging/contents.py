"""Files of the packages that a bundle leaves out.

Every pattern is tested by packaging/smoke_test.py, which trains, exports in every format, writes reports and runs the
self-test without these files. TensorFlow imports its TFLite and profiler libraries on start, so they stay.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import PurePath

UNUSED = (
    # Python bindings of XLA and StableHLO operations; the compiler does not need them.
    "tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so",
    "tensorflow/compiler/tf2xla/ops/_xla_ops.so",
    # Headers and static libraries.
    "*.h",
    "*.a",
    "*.lib",
    # GTK platform theme with its libraries, and platforms without a desktop.
    "PySide6/*/libqgtk3.*",
    "PySide6/*/egldeviceintegrations/*",
    "PySide6/*/platforms/libqeglfs.*",
    "PySide6/*/platforms/libqlinuxfb.*",
    "PySide6/*/platforms/libqvkkhrdisplay.*",
    "PySide6/*/platforms/libqvnc.*",
    "PySide6/*/translations/*",
    # Example data of libraries.
    "sklearn/datasets/data/[!d]*",
    "sklearn/datasets/images/*",
    "matplotlib/mpl-data/sample_data/*",
    # What running the examples and installing the logger leave behind.
    "resources/*/__pycache__/*",
    "resources/logger/build/*",
    "resources/logger/*.egg-info/*",
)
# System libraries that only the files above need.
UNUSED_SYSTEM = (
    *("libgtk-3.*", "libgdk-3.*", "libgdk_pixbuf-*", "libatk-*", "libatspi.*", "libcairo-gobject.*", "libepoxy.*"),
    *("libpango*", "libgio-*", "libQt6EglFS*", "libQt6EglFs*"),
)


def is_needed(path: str) -> bool:
    """Return whether the file at ``path`` within the bundle is kept."""
    plain = PurePath(path).as_posix()
    return not any(fnmatch(plain, pattern) for pattern in (*UNUSED, *UNUSED_SYSTEM))
