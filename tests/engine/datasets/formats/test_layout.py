"""engine.datasets.formats.layout: the layouts of folders that people have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets.formats.layout import find_layout
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import pixels, quiet, save


def fill(folder: Path, count: int = 2, classes: tuple[str, ...] = ("cat", "dog")) -> Path:
    for label, name in enumerate(classes):
        for number in range(count):
            save(folder / name / f"{number}.png", pixels(8, 8, seed=10 * label + number))
    return folder


def load(folder: Path) -> RawImages:
    return load_raw(DataSpec(dataset=str(folder)), quiet)


def sizes(raw: RawImages) -> dict[str, int]:
    return {name: len(labels) for name, (_, labels) in raw.parts.items()}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Valid", "Test"),
        ("Training", "Validation", "Testing"),
        ("training_set", "dev", "test_set"),
        ("seg_train", "seg_val", "seg_test"),
        ("TrainData", "valid images", "TestData"),
        ("my-train", "my-validation", "my-test"),
    ],
)
def test_parts_under_their_usual_names(tmp_path: Path, train: str, validation: str, test: str) -> None:
    fill(tmp_path / "set" / train, 4)
    fill(tmp_path / "set" / validation, 3)
    fill(tmp_path / "set" / test, 2)
    raw = load(tmp_path / "set")
    assert sizes(raw) == {"train": 8, "validation": 6, "test": 4}
    assert raw.warnings == ()


def test_folders_that_only_wrap_are_looked_into(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "archive" / "seg_train" / "seg_train", 4)
    fill(tmp_path / "set" / "archive" / "seg_test" / "seg_test", 2)
    raw = load(tmp_path / "set")
    assert (raw.class_names, sizes(raw)) == (("cat", "dog"), {"train": 8, "test": 4})
    fill(tmp_path / "only" / "data" / "train", 3)
    assert sizes(load(tmp_path / "only")) == {"train": 6}


def test_a_folder_of_the_exact_name_comes_first_and_two_alike_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "train", 4)
    fill(tmp_path / "set" / "train_small", 1)
    raw = load(tmp_path / "set")
    assert sizes(raw) == {"train": 8}
    assert raw.warnings == ("Left out: 2 images in train_small, as set has another train part.",)
    (tmp_path / "set" / "train").rename(tmp_path / "set" / "train_large")
    with pytest.raises(DatasetError, match=r"set has both train_large and train_small for its train part"):
        load(tmp_path / "set")


@pytest.mark.parametrize("name", ["__MACOSX", "$RECYCLE.BIN", "@eaDir", "System Volume Information", ".git"])
def test_folders_of_systems_are_passed_over(tmp_path: Path, name: str) -> None:
    fill(tmp_path / "set")
    fill(tmp_path / "set" / name)
    fill(tmp_path / "set" / "cat" / name)
    (tmp_path / "set" / "cat" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "set" / "cat" / "._0.png").write_bytes(b"x")
    raw = load(tmp_path / "set")
    assert (raw.class_names, raw.warnings) == (("cat", "dog"), ())


def test_names_are_compared_in_their_composed_form(tmp_path: Path) -> None:
    """macOS and some archives store ``é`` as two characters."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    fill(tmp_path / "set" / "train", 4, (composed, "tea"))
    fill(tmp_path / "set" / "test", 2, (decomposed, "tea"))
    raw = load(tmp_path / "set")
    assert (raw.class_names, sizes(raw)) == ((composed, "tea"), {"train": 8, "test": 4})
    with pytest.raises(DatasetError, match="did you mean 'tea'"):
        load(fill(tmp_path / "set" / "test", 1, ("Tea",)).parent)


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_a_class_whose_name_is_not_utf_8_is_refused_at_loading(tmp_path: Path) -> None:
    fill(tmp_path / "set")
    os.rename(tmp_path / "set" / "cat", os.fsencode(tmp_path / "set") + b"/caf\xe9")  # noqa: PTH104
    with pytest.raises(DatasetError, match=r"The name of the class folder .*caf\\udce9 is not UTF-8; rename it\."):
        load(tmp_path / "set")


def test_whatever_is_left_out_is_counted_and_said(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "train", 4)
    fill(tmp_path / "set" / "extra", 3)
    save(tmp_path / "set" / "test" / "1.png", pixels(8, 8))
    save(tmp_path / "set" / "train" / "loose.png", pixels(8, 8))
    save(tmp_path / "set" / "train" / "cat" / "more" / "1.png", pixels(8, 8))
    for name in ("1.heic", "2.HEIC", "notes.txt", "noending"):
        (tmp_path / "set" / "train" / "dog" / name).write_bytes(b"x")
    raw = load(tmp_path / "set")
    assert sizes(raw) == {"train": 8}
    assert raw.warnings == (
        "Left out: 6 images in extra, as its name is none of train, validation and test.",
        "Left out: 1 image in test, as it has no class folders, so its images have no labels.",
        "Left out: 1 image beside the class folders; move them into one to use them.",
        "Left out: 4 files in class folders, of kinds that are not read (2 .heic, 1 .txt, 1 without ending); save HEIC "
        "and AVIF photos as JPEG.",
        "Left out: 1 image in folders inside class folders; move them up into their class folder to use them.",
    )
    (tmp_path / "set" / "train" / "dog" / "3.heic").write_bytes(b"x")
    assert "5 files" in load(tmp_path / "set").warnings[3]


def test_where_images_were_seen_is_said_if_the_layout_is_another(tmp_path: Path) -> None:
    save(tmp_path / "flat" / "1.png", pixels(8, 8))
    with pytest.raises(DatasetError, match=r"holds no images in folders.*images were seen in .*flat \(1\)"):
        load(tmp_path / "flat")
    for name in ("cat", "dog"):
        fill(tmp_path / "deep" / name, 2, ("young", "old"))
    with pytest.raises(
        DatasetError, match=r"The class 'cat' of deep has images only in deeper folders \(cat/old \(2\), cat/yo"
    ):
        load(tmp_path / "deep")


@pytest.mark.parametrize(
    "names", [("train", "test"), ("Training", "Testing"), ("train", "val", "test1"), ("val", "test")]
)
def test_parts_without_classes_are_not_taken_for_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        save(tmp_path / "set" / name / "1.png", pixels(8, 8))
    with pytest.raises(DatasetError, match=r"but no training images in class folders, so their classes are not known"):
        load(tmp_path / "set")


@pytest.mark.parametrize("inside", ["", "x_test"])
def test_a_part_without_classes_is_left_out_also_where_it_is_wrapped(tmp_path: Path, inside: str) -> None:
    fill(tmp_path / "set" / "x_train", 4)
    save(tmp_path / "set" / "x_test" / inside / "1.png", pixels(8, 8))
    raw = load(tmp_path / "set")
    assert sizes(raw) == {"train": 8}
    assert raw.warnings == ("Left out: 1 image in x_test, as it has no class folders, so its images have no labels.",)


def test_folders_of_other_files_are_no_classes(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "PetImages")
    for place in ("docs/readme.txt", "PetImages/annotations/xmls/1.xml"):
        (tmp_path / "set" / place).parent.mkdir(parents=True)
        (tmp_path / "set" / place).write_text("x")
    raw = load(tmp_path / "set")
    assert (raw.class_names, raw.warnings) == (("cat", "dog"), ("Left out: 1 folder without images (annotations).",))


def test_a_class_of_photos_that_are_not_read_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "set")
    for path in (tmp_path / "set" / "dog").iterdir():
        path.rename(path.with_suffix(".heic"))
    with pytest.raises(
        DatasetError, match=r"The class 'dog' of set has no images .* only 2 .heic files; save the photos"
    ):
        load(tmp_path / "set")


def test_a_part_without_images_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "set" / "train")
    (tmp_path / "set" / "val" / "cat").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"The validation part of set has no images; place"):
        load(tmp_path / "set")


NAMES = st.sampled_from(
    ["train", "Test", "val", "cat", "dog", "__MACOSX", "a.png", "b.txt", ".c", "train_x", "é", "e\u0301"]
)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=8))
def test_any_tree_has_a_layout_or_gets_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for place in places:
        (folder.joinpath(*place)).mkdir(parents=True, exist_ok=True)
    try:
        layout = find_layout(folder)
    except DatasetError as error:
        assert str(folder) in str(error)
        return
    assert layout.class_names == tuple(layout.parts["train"])
    assert all(set(classes) <= set(layout.class_names) for classes in layout.parts.values())
