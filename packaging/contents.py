"""What of the packages a bundle leaves out.

Every line was shown to be safe by packaging/smoke_test.py, which trains, exports in every format, writes reports and
runs the self-test with what is left. TensorFlow imports its TFLite and profiler libraries as it starts, so they stay.
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import PurePath

UNUSED = (
    # Operations of XLA and StableHLO as TensorFlow offers them to Python, beside its own compiler.
    "tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so",
    "tensorflow/compiler/tf2xla/ops/_xla_ops.so",
    # Headers and libraries to build against.
    "*.h",
    "*.a",
    "*.lib",
    # Looks of GTK, with all of its libraries, and screens without a desktop.
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
)
# Of the system's own libraries those that only what is left out needs.
UNUSED_SYSTEM = (
    *("libgtk-3.*", "libgdk-3.*", "libgdk_pixbuf-*", "libatk-*", "libatspi.*", "libcairo-gobject.*", "libepoxy.*"),
    *("libpango*", "libgio-*", "libQt6EglFS*", "libQt6EglFs*"),
)


def is_needed(path: str) -> bool:
    """Whether the file that lies at ``path`` within the bundle is kept."""
    plain = PurePath(path).as_posix()
    return not any(fnmatch(plain, pattern) for pattern in (*UNUSED, *UNUSED_SYSTEM))
