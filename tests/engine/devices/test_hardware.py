"""engine.devices.hardware: devices and configuration of this process."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

import pytest

from engine.devices import hardware
from engine.devices.hardware import (
    Gpu,
    available_devices,
    cpu_count,
    cpu_name,
    describe_device,
    hidden_devices,
    instruction_set,
    tensorflow_name,
    used_instructions,
    uses_tf32,
    visible_gpus,
)
from engine.devices.libraries import used_library
from engine.devices.names import CPU, AssignedDevice, check_device, parse_device
from engine.events.devices import Device
from engine.utils.errors import DeviceError, SpecError
from engine.utils.versions import NOT_INSTALLED
from tests.engine.support import python

BOTH = ["gpu:0", "gpu:1"]


def test_cores_are_those_this_process_may_use() -> None:
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)


def test_the_processor_has_a_name() -> None:
    assert cpu_name().strip()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("flags\t\t: fpu avx avx2 avx512f avx512_bf16", "AVX, AVX2, AVX-512, bfloat16"),
        ("Features\t: fp asimd bf16", "NEON, bfloat16"),
    ],
)
def test_the_instruction_set_is_read_from_the_system(line: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda *_args, **_options: StringIO(f"processor\t: 0\n{line}\n"))
    assert instruction_set() == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (["X86_V3", "X86_V4", "AVX512_ICL"], "AVX, AVX2, AVX-512, VNNI"),
        (["SSE42", "AVX", "F16C", "FMA3", "AVX2"], "AVX, AVX2"),
        (["ASIMDHP", "ASIMDDP"], "NEON"),
        ([], ""),
    ],
)
def test_elsewhere_the_instruction_set_is_what_numpy_found(
    found: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_args: object, **_options: object) -> str:
        raise FileNotFoundError

    baseline = ["NEON", "ASIMD"] if words == "NEON" else ["SSE", "SSE2"]
    monkeypatch.setattr(Path, "open", missing)
    parts = {"baseline": baseline, "found": found}
    known = {"SIMD Extensions": {part: names for part, names in parts.items() if names}}  # as NumPy does
    monkeypatch.setattr("numpy.show_config", lambda **_options: known)
    assert instruction_set() == words


@pytest.mark.parametrize(
    ("words", "limit", "expected"),
    [
        ("AVX, AVX2", "", False),
        ("AVX, AVX2, AVX-512", "", True),
        ("AVX, AVX2, AVX-512", "avx512_core", True),
        ("AVX, AVX2, AVX-512", "AVX2_VNNI", False),
        ("AVX, AVX2, AVX-512", "AVX", False),
    ],
)
def test_onednn_may_be_limited_by_its_own_variable(
    words: str, limit: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "instruction_set", lambda: words)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert hardware.uses_avx512() == expected


def test_the_device_says_how_many_threads_were_configured() -> None:
    assert describe_device(AssignedDevice(CPU, "why")) == Device(
        "CPU", cpu_name(), 1, library=used_library(), instructions=used_instructions()
    )
    assert describe_device(AssignedDevice(CPU, "why")).refusal == "why"


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("auto", "auto"),
        (" CPU ", "cpu"),
        ("gpu", "gpu:0"),
        ("GPU:12", "gpu:12"),
        ("gpu:01", "gpu:1"),
        ("Metal", "metal"),
    ],
)
def test_devices_are_read_as_people_write_them(text: str, device: str) -> None:
    assert parse_device(text) == device


@pytest.mark.parametrize("text", ["gpu", "gpu:0", "metal"])
def test_a_mac_has_one_gpu_however_it_is_called(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert parse_device(text) == "metal"


@pytest.mark.parametrize("text", ["", "gpu:", "gpu:-1", "gpu:x", "tpu", "gpu:1 2", "gpu:٣", "gpu:1000"])
def test_other_words_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SpecError, match=r"is no device; write auto, cpu, metal or gpu:N"):
        parse_device(text)


@pytest.mark.parametrize(
    ("device", "visible"),
    [
        ("auto", ["gpu:0", "gpu:1"]),
        ("cpu", []),
        ("gpu:0", ["gpu:0"]),
        ("gpu:1", ["gpu:1"]),
        ("gpu:2", ["gpu:0", "gpu:1"]),
    ],
)
def test_a_process_sees_what_its_device_leaves(device: str, visible: list[str]) -> None:
    there = [Gpu(key, "a card", None, False) for key in BOTH]
    assert [gpu.key for gpu in visible_gpus(device, there)] == visible


def test_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    for device in ("auto", "cpu", "gpu:0"):
        check_device(device, {"cpu", "gpu:0"})
    with pytest.raises(DeviceError, match=r"There is no gpu:1 on this machine; choose auto, cpu, gpu:0\."):
        check_device("gpu:1", ["cpu", "gpu:0"])


def test_the_processor_is_always_there() -> None:
    assert available_devices()["cpu"] == cpu_name()


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine with three GPUs, of which this process sees the last two."""
    import tensorflow as tf

    there = ["turing", "hopper", "metal"]
    details = {"turing": {"compute_capability": (7, 5)}, "hopper": {"compute_capability": (9, 0)}, "metal": {}}
    details = {key: each | {"device_name": key} for key, each in details.items()}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: there)
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _kind: there[1:])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.get)
    return there


def test_a_device_is_called_by_its_place_among_those_this_process_sees(gpus: list[str]) -> None:
    assert [tensorflow_name(device) for device in ("cpu", "gpu:1", "gpu:2")] == ["/CPU:0", "/GPU:0", "/GPU:1"]
    for hidden in ("gpu:0", "gpu:3"):
        with pytest.raises(DeviceError, match=f"There is no {hidden} for this process"):
            tensorflow_name(hidden)


def test_what_a_process_was_told_to_leave_out_is_hidden(gpus: list[str]) -> None:
    assert hidden_devices() == {"gpu:0"}


def test_only_newer_nvidia_cards_round_products(gpus: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    devices = ("cpu", "gpu:0", "gpu:1", "gpu:2", "gpu:3")
    assert [uses_tf32(device) for device in devices] == [False, False, True, False, False]
    monkeypatch.setattr(tf.config.experimental, "tensor_float_32_execution_enabled", lambda: False)
    assert not uses_tf32("gpu:1")


@pytest.mark.parametrize(
    ("system", "machine", "metal", "files", "expected"),
    [
        ("linux", "x86_64", False, (), False),
        ("linux", "x86_64", False, ("driver",), True),
        ("linux", "x86_64", False, ("dxg",), True),
        ("win32", "AMD64", False, (), False),
        ("darwin", "arm64", True, (), True),
        ("darwin", "arm64", False, (), False),
        ("darwin", "x86_64", True, (), False),
    ],
)
def test_a_gpu_is_suspected_by_drivers_and_plugins(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    system: str,
    machine: str,
    metal: bool,
    files: tuple[str, ...],
    expected: bool,
) -> None:
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.setattr(hardware, "NVIDIA_DRIVER", tmp_path / "driver")
    monkeypatch.setattr(hardware, "WSL_GPU", tmp_path / "dxg")
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(hardware, "installed_version", lambda _package: "1.2" if metal else NOT_INSTALLED)
    assert hardware.may_have_gpu() == expected


@pytest.mark.long
def test_a_process_on_the_processor_hides_what_else_there_is() -> None:
    code = """
import tensorflow as tf
shown = ["A", "B"]
tf.config.list_physical_devices = lambda _kind: ["A", "B"]
tf.config.get_visible_devices = lambda _kind: shown
grown = []
tf.config.experimental.set_memory_growth = lambda gpu, _on: grown.append(gpu)
def show(gpus, kind):
    assert kind == "GPU"
    shown[:] = gpus
tf.config.set_visible_devices = show
tf.config.experimental.get_device_details = lambda _gpu: {"device_name": "A card"}
from engine.devices.hardware import configure, find_gpus
configure(1, "gpu:1")
assert shown == grown == ["B"], (shown, grown)
assert [(gpu.key, gpu.tensorflow_name) for gpu in find_gpus()] == [("gpu:0", None), ("gpu:1", "/GPU:0")]
configure(1, "cpu")
assert shown == []
shown[:] = ["A", "B"]
grown.clear()
configure(1, "auto")
assert shown == grown == ["A", "B"], (shown, grown)
"""
    ended = python("-c", code)
    assert ended.returncode == 0, ended.stderr
