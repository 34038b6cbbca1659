"""engine.experiments.convolution.numpy_convolution: the methods agree, and unsuitable arrays are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.experiments.convolution.inputs import KERNELS, READERS, load_array, sample_input, sample_kernel
from engine.experiments.convolution.numpy_convolution import (
    MAX_MULTIPLICATIONS,
    check_shapes,
    conv2d_framework,
    conv2d_im2col,
    conv2d_loops,
    conv2d_windows,
    count_multiplications,
    largest_magnitude,
    normalized,
    output_shape,
)
from engine.utils.arrays import Array
from engine.utils.errors import Cancelled, SpecError

NUMPY = (conv2d_loops, conv2d_windows, conv2d_im2col)
ALL = (*NUMPY, conv2d_framework)
DTYPES = ("uint8", "int16", "int64", "float16", "float32", "float64", ">f4")


def silent(_message: str, _done: int, _total: int) -> None:
    """A progress callback that does nothing."""


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Array, Array]:
    """An input and a kernel that fits into it, of any types of number."""
    batch, out, channels = (draw(st.integers(1, 3)) for _ in range(3))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(2))
    image = tuple(side + draw(st.integers(0, 5)) for side in kernel)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(shape: tuple[int, ...]) -> Array:
        return generator.integers(0, 100, shape).astype(draw(st.sampled_from(DTYPES)))

    return numbers((batch, channels, *image)), numbers((out, channels, *kernel)) - generator.normal()


@settings(deadline=None)  # the framework's first call loads it
@given(pairs())
def test_numpy_agrees_with_the_framework_on_any_shapes(pair: tuple[Array, Array]) -> None:
    framework = conv2d_framework(*pair)
    assert framework.shape == output_shape(*pair)
    largest = np.abs(pair[0].astype(float)).max() * np.abs(pair[1].astype(float)).max() * pair[1][0].size
    for convolve in NUMPY:
        output = convolve(*pair)
        assert output.shape == framework.shape
        assert output.flags.c_contiguous
        np.testing.assert_allclose(output, framework, rtol=1e-4, atol=1e-6 * largest, err_msg=convolve.__name__)


@pytest.mark.parametrize("convolve", ALL)
def test_a_convolution_worked_out_by_hand(convolve: object) -> None:
    """The kernel is not flipped (cross-correlation), and channels are summed."""
    input = np.array([[[[1, 2, 3], [4, 5, 6]], [[0, 1, 0], [1, 0, 1]]]])
    kernel = np.array([[[[1.0, 0.0], [0.0, -1.0]], [[10.0, 20.0], [0.0, 0.0]]]])
    output = convolve(input, kernel)  # type: ignore[operator]
    np.testing.assert_array_equal(output, [[[[1 - 5 + 20, 2 - 6 + 10]]]])


@pytest.mark.parametrize("convolve", ALL)
@pytest.mark.parametrize(("input", "kernel", "expected"), [("f4", "f4", "f4"), ("u1", "f8", "f8"), ("u1", "u1", "f4")])
def test_the_type_of_the_output(convolve: object, input: str, kernel: str, expected: str) -> None:
    output = convolve(np.ones((1, 1, 3, 3), input), np.ones((1, 1, 2, 2), kernel))  # type: ignore[operator]
    assert output.dtype == ("f8" if convolve is conv2d_loops else expected)


def test_small_integers_do_not_overflow() -> None:
    input, kernel = np.full((1, 1, 2, 2), 255, np.uint8), np.full((1, 1, 2, 2), 255, np.uint8)
    for convolve in ALL:
        assert convolve(input, kernel).item() == 4 * 255**2


def test_the_loops_report_each_row_and_can_be_cancelled() -> None:
    input, kernel = np.ones((2, 1, 4, 3)), np.ones((3, 1, 2, 2))
    rows: list[int] = []
    conv2d_loops(input, kernel, rows.append)
    assert rows == list(range(1, 2 * 3 * 3 + 1))

    def cancel(row: int) -> None:
        if row == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        conv2d_loops(input, kernel, cancel)


def test_the_homework_takes_400_000_multiplications() -> None:
    input, kernel = np.zeros((5, 1, 28, 28), np.uint8), np.zeros((8, 1, 4, 4))
    check_shapes(input, kernel)
    assert output_shape(input, kernel) == (5, 8, 25, 25)
    assert count_multiplications(input, kernel) == 5 * 8 * 25 * 25 * 4 * 4


@pytest.mark.parametrize(
    ("input", "kernel", "message"),
    [
        ((5, 28, 28), (8, 1, 4, 4), "input has 3 dimensions and kernel 4, but both need 4"),
        ((5, 1, 28, 28), (8, 1, 4, 0), "is empty"),
        ((0, 1, 28, 28), (8, 1, 4, 4), "is empty"),
        ((5, 3, 28, 28), (8, 1, 4, 4), "5x3x28x28 has 3 channels and kernel 8x1x4x4 is made for 1"),
        ((5, 1, 28, 3), (8, 1, 4, 4), "4x4 values don't fit into images of 28x3"),
        ((1, 1, 3, 28), (1, 1, 4, 4), "4x4 values don't fit into images of 3x28"),
        ((1001, 1, 2, 2), (1, 1, 1, 1), "1,001 images"),
        ((1, 1, 2, 2), (1001, 1, 1, 1), "1,001 output channels"),
        ((200, 1, 200, 200), (8, 1, 1, 1), "takes 64,000,000 multiplications"),
    ],
)
def test_shapes_that_do_not_fit(input: tuple[int, ...], kernel: tuple[int, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        check_shapes(np.zeros(input), np.zeros(kernel))


def test_normalised_outputs_span_zero_to_one_each() -> None:
    outputs = np.array([[[[-4.0, 0.0], [4.0, 12.0]], [[7.0, 7.0], [7.0, 7.0]]]])
    np.testing.assert_array_equal(normalized(outputs), [[[[0, 0.25], [0.5, 1]], [[0, 0], [0, 0]]]])


def test_the_largest_magnitude_is_that_of_the_numbers_not_of_their_type() -> None:
    assert largest_magnitude(np.array([-128, 3], np.int8)) == 128
    assert largest_magnitude(np.zeros(3)) == 1


@pytest.mark.parametrize("name", KERNELS)
def test_built_in_kernels_sum_to_zero_or_one(name: str) -> None:
    kernel = KERNELS[name]
    assert kernel.shape == (4, 4)
    edges = "edges" in name or name == "outline"
    assert kernel.sum() == pytest.approx(0 if edges else 1, abs=1e-12)
    assert kernel[kernel > 0].sum() >= 1 - 1e-12


def test_an_edge_kernel_answers_to_its_own_edge_most() -> None:
    upper = np.tril(np.ones((4, 4)), -1)  # bright below the diagonal that falls from left to right
    answers = {name: abs(float((kernel * upper).sum())) for name, kernel in KERNELS.items() if "edges" in name}
    assert max(answers, key=lambda name: answers[name]) == "falling edges"
    rows = np.repeat([[0.0], [0.0], [1.0], [1.0]], 4, axis=1)
    assert float((KERNELS["horizontal edges"] * rows).sum()) == pytest.approx(1)
    assert float((KERNELS["vertical edges"] * rows).sum()) == pytest.approx(0)


def test_the_built_in_input_is_the_homeworks_kind() -> None:
    input = sample_input(5, 1, silent)
    assert (input.shape, input.dtype) == ((5, 1, 28, 28), np.uint8)
    assert input.max() > 200
    assert (sample_kernel(1).shape, sample_kernel(1).dtype) == ((8, 1, 4, 4), np.float64)


def test_what_is_built_in_takes_any_number_of_channels() -> None:
    one, three = sample_input(2, 1, silent), sample_input(2, 3, silent)
    assert three.shape == (2, 3, 28, 28)
    np.testing.assert_allclose(conv2d_im2col(three, sample_kernel(3)), conv2d_im2col(one, sample_kernel(1)), atol=1e-10)


@pytest.mark.parametrize(
    ("shape", "loaded"),
    [((4, 5), (1, 1, 4, 5)), ((3, 4, 5), (3, 1, 4, 5)), ((2, 3, 4, 5), (2, 3, 4, 5))],
)
@pytest.mark.parametrize("dtype", [*DTYPES, "bool"])
def test_an_array_is_loaded_with_four_dimensions(
    tmp_path: Path, shape: tuple[int, ...], loaded: tuple[int, ...], dtype: str
) -> None:
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    np.save(tmp_path / "a.npy", np.asfortranarray(values))
    array = load_array(str(tmp_path / "a.npy"))
    assert (array.shape, array.dtype) == (loaded, values.dtype)
    np.testing.assert_array_equal(array.reshape(shape), values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(3), "has 1 dimensions"),
        (np.float64(3), "has 0 dimensions"),
        (np.zeros((1,) * 5), "has 5 dimensions"),
        (np.zeros((2, 0, 3)), "holds 0 values"),
        (np.zeros((2, 2), complex), "holds complex128 values"),
        (np.zeros((2, 2), "U3"), "holds str96 values"),
        (np.zeros((2, 2), "f4,i4"), "holds void64 values"),
        (np.full((2, 2), np.nan), "infinite or not a number"),
        (np.full((2, 2), -np.inf, np.float32), "infinite or not a number"),
    ],
)
def test_an_array_of_another_kind_is_refused(tmp_path: Path, values: Array, message: str) -> None:
    path = tmp_path / "strange.npy"
    np.save(path, values)
    with pytest.raises(SpecError, match=message) as refused:
        load_array(str(path))
    assert str(path) in str(refused.value)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    np.save(path, np.array([[Trap()]], dtype=object), allow_pickle=True)
    with pytest.raises(SpecError, match=r"objects\.npy holds object values"):
        load_array(str(path))


class Trap:
    """Fails the test where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("it was unpickled",)


def test_a_file_that_says_it_is_huge_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (MAX_MULTIPLICATIONS, 10**12)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(SpecError, match=r"huge\.npy holds 20,000,000,000,000,000,000 values"):
        load_array(str(path))


@pytest.mark.parametrize("keep", [0, 5, 8, 40, -8])
def test_a_cut_off_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.npy"
    np.save(path, np.zeros((4, 4)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SpecError, match=r"cut\.npy is (damaged or )?not an \.npy file"):
        load_array(str(path))


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "archive.npz", a=np.zeros((4, 4)))
    (tmp_path / "text.npy").write_text("1, 2, 3\n")
    for name in ("archive.npz", "text.npy"):
        with pytest.raises(SpecError, match=f"{name} is not an .npy file"):
            load_array(str(tmp_path / name))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.npy", tmp_path):
        with pytest.raises(SpecError, match="can't be read") as refused:
            load_array(str(path))
        assert str(path) in str(refused.value)
    with pytest.raises(SpecError, match="can't be read"):
        load_array("a\0b.npy")


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npy"
    for start in (b"", *READERS):
        path.write_bytes(start + content)
        with pytest.raises(SpecError):
            load_array(str(path))
