"""Whether training can be continued from a file, so that it begins with the accuracy that the network has.

A file is compared with the settings before anything is trained: layer by layer with the architecture, and how its
images were prepared with how the new ones are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.config.specs import Activation, DataSpec, Normalization
from engine.events.datasets import DatasetInfo
from engine.networks.architectures import architecture_name, layers_of
from engine.networks.comparison import AS_TRAINED, find_activation, find_own_activation, own_architecture
from engine.networks.description import SavedNetwork, UnfitError
from engine.networks.files import read_network
from engine.networks.layers import Shape
from engine.networks.training_images import TrainingImages
from engine.utils.errors import NetworkError

log = logging.getLogger(__name__)

_SAVE = "save it as .keras (model.save('net.keras'))"
_LOAD_AND_SAVE = f"load it in Keras and {_SAVE}"
_REBUILD = f"build the same network in Keras, copy its weights and {_SAVE}"
# By the end of the name; the longest first.
_OTHER_FORMATS = {
    ".weights.h5": ("holds weights without their layers", f"{_SAVE}, the whole model"),
    ".h5": ("is an HDF5 file, the former format of Keras", _LOAD_AND_SAVE),
    ".hdf5": ("is an HDF5 file, the former format of Keras", _LOAD_AND_SAVE),
    ".pb": ("is part of a SavedModel", _LOAD_AND_SAVE),
    ".pt": ("is a file of PyTorch", _REBUILD),
    ".pth": ("is a file of PyTorch", _REBUILD),
    ".safetensors": ("is a file of weights alone", _REBUILD),
    ".ckpt": ("is a checkpoint of weights alone", _REBUILD),
    ".onnx": ("is a file of ONNX", _REBUILD),
    ".tflite": ("is a file of TensorFlow Lite", _REBUILD),
}
_HDF5 = b"\x89HDF\r\n\x1a\n"
MAX_LISTED = 5  # class names


@dataclass(frozen=True)
class StartingNetwork:
    """The network of a file from which training is to be continued.

    All methods raise ``NetworkError`` with a sentence if that can't be done.
    """

    file: Path
    network: SavedNetwork
    images: TrainingImages | None

    def architecture_for(self, setting: str) -> str:
        """Return the architecture to train: ``setting``, or for ``as-trained`` that of the network.

        That is a built-in one if the network is of one, else it is written out and named after the file.
        """
        with explained(self.file):
            return setting if setting != AS_TRAINED else own_architecture(self.network, self.file.stem)

    def activation_for(self, architecture: str, activation: str) -> Activation:
        """Check that the network is of ``architecture``, but for the number of classes.

        Args:
            architecture: name, ``name[layers]`` or ``as-trained``.
            activation: that of the layers ``Act``, or ``as-trained`` for the network's own; with the architecture
                ``as-trained`` that of all activations.

        Returns:
            The activation to train with.
        """
        with explained(self.file):
            found = self.network.layers
            if architecture != AS_TRAINED:
                return find_activation(found, architecture_name(architecture), layers_of(architecture), activation)
            return find_own_activation(self.network, activation)

    def check_data(self, shape: Shape, classes: int, title: str = "the data set") -> None:
        """Check that the network takes images of ``shape`` and has an output for each of the classes."""
        with explained(self.file):
            _check_data(self.network, shape, classes, title)

    def check_normalization(self, recorded: TrainingImages | None, setting: Normalization) -> None:
        """Check that images are normalised as for the network, as far as ``recorded`` says."""
        with explained(self.file):
            if recorded is not None:
                _check_normalization(recorded.normalization, setting)

    def check_shares(self, recorded: TrainingImages | None, data: DataSpec, info: DatasetInfo) -> None:
        """Check that the network is tested on no images that it has learned.

        Args:
            recorded: what is known of the images it was trained on.
            data: how the new images are prepared.
            info: the new images.
        """
        with explained(self.file):
            if recorded is not None:
                _check_shares(recorded, TrainingImages.of(data, info))

    def warnings(self, recorded: TrainingImages | None, data: DataSpec, info: DatasetInfo) -> Iterator[str]:
        """Yield sentences on what may make it begin worse than it ended, or go on otherwise than it began."""
        name = self.file.name
        if recorded is None:
            yield (
                f"{name} does not say how the images that it was trained on were normalised, so '{data.normalization}' "
                "is taken from the settings; if that is wrong, it begins with a lower accuracy than it had."
            )
        else:
            if recorded.fingerprint != info.fingerprint:
                yield from _other_images(name, recorded, data, info)
            if recorded.class_names != info.class_names:
                yield (
                    f"{name} was trained to tell {_listed(recorded.class_names)} apart, and its outputs now stand for "
                    f"{_listed(info.class_names)}, in this order."
                )
        if self.network.training_only:
            parts = ", ".join(self.network.training_only)
            yield f"{name} goes on without what acted only while it was trained: {parts}."


def open_start(file: Path) -> StartingNetwork:
    """Read the network of ``file``, without building it.

    Raises:
        NetworkError: with a sentence, if it is none, or has a layer that can't be trained here.
    """
    with explained(file):
        check_format(file)
        return StartingNetwork(file, *read_network(file))


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """A block that reads ``file``, whose errors become sentences.

    Raises:
        NetworkError: in place of any other error.
    """
    try:
        yield
    except UnfitError as error:
        raise NetworkError(f"Training can't be continued from {file}: {error}; {error.advice}.") from None
    except NetworkError:
        raise
    except Exception:  # a damaged file makes zipfile, h5py and Keras raise almost anything
        log.info("%s can't be read as a network", file, exc_info=True)
        raise NetworkError(
            f"Training can't be continued from {file}: it holds no network that can be read; choose another file, or "
            f"{_SAVE.replace('it', 'the network', 1)}."
        ) from None


def check_format(file: Path) -> None:
    """Check by name and first bytes that ``file`` is a .keras file.

    Raises:
        UnfitError: if it is of another format, or does not exist.
    """
    try:
        is_there = file.exists()
    except (OSError, ValueError):  # no possible name
        is_there = False
    if not is_there:
        raise UnfitError("it does not exist", "choose the .keras file of a trained network")
    if file.is_dir():
        what = "is a SavedModel" if (file / "saved_model.pb").exists() else "is a folder"
        raise UnfitError(f"it {what}", _LOAD_AND_SAVE if "Saved" in what else "choose a .keras file in it")
    for ending, (what, advice) in _OTHER_FORMATS.items():
        if file.name.lower().endswith(ending):
            raise UnfitError(f"it {what}", advice)
    if file.suffix.lower() != ".keras":
        raise UnfitError("its name does not end with .keras", _LOAD_AND_SAVE)
    if file.is_file():
        with file.open("rb") as opened:
            if opened.read(len(_HDF5)) == _HDF5:
                raise UnfitError("it is an HDF5 file, the former format of Keras, whatever its name", _LOAD_AND_SAVE)


def _check_data(network: SavedNetwork, shape: Shape, classes: int, title: str) -> None:
    """Compare the network's input and output with images and their classes.

    Raises:
        UnfitError: if they differ.
    """
    if not network.takes(shape):
        raise UnfitError(
            f"it takes images of {_size(network.input_shape)}, and those of {title} are {_size(shape)}",
            _shape_advice(network.input_shape, shape),
        )
    if network.classes != classes:
        raise UnfitError(
            f"it tells {network.classes} classes apart, and {title} has {classes}", "choose a data set with as many"
        )


def _check_normalization(old: Normalization, new: Normalization) -> None:
    """Compare how images were and are normalised.

    Raises:
        UnfitError: if that differs.
    """
    if old != new:
        raise UnfitError(
            f"it was trained on images normalised as '{old}', and the setting is '{new}'", f"set normalization={old}"
        )


def _check_shares(old: TrainingImages, new: TrainingImages) -> None:
    """Compare how the same images were and are divided.

    Raises:
        UnfitError: if that differs.
    """
    if old.fingerprint == new.fingerprint and old.counts != new.counts:
        raise UnfitError(
            f"it was trained on other shares of {old.title}, so it would be validated or tested on images it has "
            "learned",
            f"set validation_fraction={old.validation_fraction:g} and test_fraction={old.test_fraction:g}",
        )


def _other_images(name: str, recorded: TrainingImages, data: DataSpec, info: DatasetInfo) -> Iterator[str]:
    """Yield what may be wrong where the images are not those that the network ``name`` was trained on.

    Without a digest of each image, whether the network has learned some of those held back from it is not known.
    """
    same = recorded.title == info.title
    if same and not (info.own_validation and info.own_test):
        yield (
            f"{name} was trained when {info.title} had other images than now; as images are held back from training "
            "for validation or testing, some that it has learned may now be among those."
        )
    elif not same and not info.own_test:
        yield (
            f"{name} was trained on {recorded.title}; if {info.title} shares images with it, some that it has learned "
            "may be among those held back for testing."
        )
    if data.normalization == "per-dataset":
        yield (
            f"{name} was trained on images normalised with the means and deviations of {recorded.title}"
            f"{' as it then was' if same else ''}; now those of {info.title} are used, so it may begin with a lower "
            "accuracy than it had."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_LISTED]) + (", …" if len(names) > MAX_LISTED else "")


def _size(shape: Shape) -> str:
    if len(shape) == 1:
        return f"{shape[0]} values"
    height, width, *channels = shape
    return f"{width}x{height}" + (f" with {channels[0]} channel{'s' if channels[0] != 1 else ''}" if channels else "")


def _shape_advice(taken: Shape, given: Shape) -> str:
    """Return the settings that give such images, or what else to do."""
    height, width, channels = (*taken, 1)[:3] if len(taken) > 1 else (0, 1, 0)
    changes = []
    if height == width and (height, width) != given[:2]:
        changes.append(f"image_size={height}")
    if channels in (1, 3) and channels != given[2]:
        changes.append("grayscale=true" if channels == 1 else "grayscale=false, with images in colour")
    return f"set {' and '.join(changes)}" if changes else "choose a data set of such images"
