"""The engine's checks, in the order in which they are run."""

from __future__ import annotations

from engine.selftest.check import Check
from engine.selftest.figures import check_figures
from engine.selftest.installation import check_packages, check_space, check_temporary_folder, check_workspace
from engine.selftest.storage import check_scratch_store, check_store
from engine.selftest.training import (
    check_child,
    check_devices,
    check_gpus,
    check_processor,
    check_repetition,
    check_resuming,
    check_training,
)

# Checks that others need.
_SCRATCH, _CHILD, _DEVICES = "temporary folder", "child process", "devices"

CHECKS = (
    Check("packages", "what is installed fits together", check_packages, 60),
    Check(_SCRATCH, "temporary files can be written", check_temporary_folder, 60),
    Check("workspace", "results can be written", check_workspace, 60),
    Check("free space", "there is room for results", check_space, 60),
    Check("store", "what was trained before is whole", check_store, 600),
    Check("writing results", "results come back as they were stored", check_scratch_store, 120, (_SCRATCH,)),
    Check(_CHILD, "training processes start and end", check_child, 180, (_SCRATCH,)),
    Check(_DEVICES, "TensorFlow finds what it can compute on", check_devices, 180),
    Check("processor", "it computes what it should", check_processor, 180, (_DEVICES,)),
    Check("GPUs", "they compute what they should", check_gpus, 300, (_DEVICES,)),
    Check("repetition", "the same seed gives the same numbers", check_repetition, 300, (_CHILD,)),
    Check("training", "a network learns and is stored", check_training, 300, (_CHILD, "writing results")),
    Check("resuming", "an interrupted run comes to the same end", check_resuming, 300, (_CHILD,)),
    Check("figures", "results can be drawn for export", check_figures, 180, (_SCRATCH,)),
)
