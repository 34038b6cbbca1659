"""What is said of files that are no data set as they are."""

from __future__ import annotations

from pathlib import Path

from engine.datasets.formats import tar
from engine.datasets.formats.arrays.names import listed, part_of
from engine.datasets.formats.decode import ENDINGS as IMAGE_ENDINGS
from engine.datasets.formats.places import lone_folders, sub_folders

_ARCHIVES = (".zip", ".7z", ".rar", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".gz", ".xz")
_ARRAYS = 'save its arrays by numpy.savez("data.npz", x_train=..., y_train=...)'
# Endings, what such a file is, and what to do with it.
_KINDS = (
    ((".mat",), "a MATLAB file", f"read it with scipy.io.loadmat and {_ARRAYS}"),
    ((".h5", ".hdf5", ".hdf"), "an HDF5 file", f"read it with h5py and {_ARRAYS}"),
    ((".pkl", ".pickle", ".joblib"), "a pickle, which may run any code", f"read it where you trust it and {_ARRAYS}"),
    ((".pt", ".pth"), "a PyTorch file", f"read it with torch.load where you trust it and {_ARRAYS}"),
    ((".tfrecord", ".tfrecords"), "a TensorFlow file of records", f"read it with tf.data and {_ARRAYS}"),
    ((".csv", ".tsv", ".xlsx", ".xls"), "a table", f"give its pixels their height and width and {_ARRAYS}"),
    ((".parquet", ".arrow", ".feather"), "a table", f"read it with pandas, decode its images and {_ARRAYS}"),
    ((".keras",), "a network", "choose it as the network to continue training"),
    (IMAGE_ENDINGS, "one image", "name the folder that has a folder of images for each class"),
)


def files_message(folder: Path) -> str | None:
    """Return the sentence on a folder without images but with a file that may be a data set; else None."""
    *_, last = lone_folders(folder)
    if sub_folders(last):
        return None
    names = sorted(each.name for each in last.iterdir())
    found = [name for name in names if name.lower().endswith((".npz", *tar.ENDINGS, *_ARCHIVES))]
    if not found or any(name.lower().endswith(IMAGE_ENDINGS) for name in names):
        return None
    parts = [name for name in found if name.lower().endswith(".npz") and part_of(Path(name).stem)]
    if len(parts) > 1:
        return (
            f"{folder} holds no images but {listed(found)}; save the arrays of one data set in one file, as x_train, "
            "y_train, x_test and y_test, and name that."
        )
    return f"{folder} holds no images but {listed(found)}; name {last / found[0]} itself to use it."


def archive_message(path: Path) -> str:
    """Return the sentence on an archive of an unknown kind."""
    return f"{path} is an archive; unpack it and name the folder that holds its images."


def other_kind_message(path: Path) -> str:
    """Return the sentence on a file that is no data set, by its name."""
    name = path.name.lower()
    if name.endswith(_ARCHIVES):
        return archive_message(path)
    for endings, kind, advice in _KINDS:
        if name.endswith(endings):
            return f"{path} is not a data set but {kind}; {advice}."
    return (
        f"{path} is not a data set; name a folder of images, an .npz, .npy or IDX file, or an archive of CIFAR-10 or "
        "CIFAR-100 (.tar.gz)."
    )
