"""docs/extending.md: an experiment and a data set added by its steps are trained, exported, reported and shown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.engine.support import ROOT

BLOCK = re.compile(r"^(?P<added>Added to )?`(?P<path>[\w./]+\.py)`[^\n]*:\n\n```python\n(?P<code>.*?)```$", re.M | re.S)
pytestmark = pytest.mark.long

PARTS = ("engine", "gui", "resources", "tests", "main.py")
SETTINGS = ("epochs=1", "repeats=2", "architecture=mlp_1")
SENTENCE = "The best optimiser is "
CAPTION = "Training loss and validation accuracy under each optimiser."


@dataclass(frozen=True)
class Extended:
    """A copy of the program extended by the page's code, and the results of one training."""

    root: Path
    results: Path
    printed: str

    def run(self, *arguments: str) -> str:
        """Run Python in the copy; return its output."""
        ended = subprocess.run(  # noqa: S603
            [sys.executable, *arguments], cwd=self.root, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


def blocks() -> Iterator[tuple[bool, str, str]]:
    """Yield the code blocks of the page: whether the code is added to an existing file, the file, and the code."""
    for found in BLOCK.finditer((ROOT / "docs" / "extending.md").read_text(encoding="utf-8")):
        yield found["added"] is not None, found["path"], found["code"]


def add_to_table(file: Path, code: str) -> None:
    """Add the import to the other imports, and the entry to the end of the table ``_ALL``."""
    statement, entry = code.splitlines()
    lines = file.read_text(encoding="utf-8").splitlines()
    table = next(place for place, line in enumerate(lines) if line.startswith("_ALL"))
    end = table + len(list(takewhile(lambda line: line != ")", lines[table:])))
    lines.insert(end, entry)
    lines.insert(next(place for place, line in enumerate(lines) if line.startswith("from engine.")), statement)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    folder = tmp_path_factory.mktemp("extended")
    root, results = folder / "program", folder / "results"
    ignored: Callable[[str, list[str]], set[str]] = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, root / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, root / part)
    for added, path, code in blocks():
        file = root / path
        if added:
            add_to_table(file, code)
        else:
            assert not file.exists(), "an example must be a new file"
            file.parent.mkdir(exist_ok=True)
            file.write_text(code, encoding="utf-8")
    copy = Extended(root, results, "")
    batch = ("main.py", "--batch", "optimizers", "--dataset", "stripes", "--workers", "0", "--set", *SETTINGS)
    written = ("--formats", "json,csv,png", "--export", str(results), "--report", str(folder / "report.html"))
    return Extended(root, results, copy.run(*batch, *written, "--workspace", str(folder / "workspace")))


def test_the_page_says_what_is_to_be_done() -> None:
    assert [(added, Path(path).name) for added, path, _ in blocks()] == [
        (False, "experiment.py"),
        (False, "__init__.py"),
        (True, "__init__.py"),
        (False, "stripes.py"),
        (True, Path(list(blocks())[-1][1]).name),
    ]


def test_it_trains_and_exports(extended: Extended) -> None:
    assert "Best optimiser: " in extended.printed
    summary = json.loads((extended.results / "summary.json").read_text(encoding="utf-8"))
    assert (summary["experiment"], summary["dataset"], summary["status"]) == ("optimizers", "stripes", "finished")
    assert [(each["name"], each["counted_runs"]) for each in summary["variants"]] == [("sgd", 2), ("adam", 2)]
    assert summary["best_optimizer"] in {"sgd", "adam", None}, "none if neither is clearly the best"
    assert summary["dataset_details"]["classes"] == ["horizontal", "vertical"]
    assert {path.name for path in extended.results.iterdir()} == {
        *("settings.toml", "summary.json", "curves.csv", "test_scores.csv", "optimizers.png", "export-files.json"),
        "network_mlp_1.png",
    }


def test_the_report_has_its_claim_its_text_and_its_figure(extended: Extended) -> None:
    page = (extended.results.parent / "report.html").read_text(encoding="utf-8")
    for piece in ("Optimisers", "best test accuracy", SENTENCE, CAPTION, "Stripes"):
        assert piece in page
    assert page.count("data:image/") == 2  # and the picture of the network


def test_its_report_is_a_pdf_too_and_the_window_has_its_tab(extended: Extended) -> None:
    folder = extended.results.parent
    pdf = folder / "report.pdf"
    told = extended.run("-m", "tests.extended_program", str(folder / "workspace"), str(pdf), "optimizers", "stripes")
    assert json.loads(told) == {
        "program": str(extended.root),
        "tab": "Optimisers",
        "curves": ["training_loss", "accuracy", "gradient_norm"],
        "offers_dataset": True,
        "is_of_course": False,
    }
    text = " ".join(" ".join(page.extract_text().split()) for page in PdfReader(pdf).pages)
    for piece in ("Optimisers", "best test accuracy", SENTENCE, "under each optimiser"):
        assert piece in text
