"""engine.utils.paths: file locations."""

from __future__ import annotations

from pathlib import Path

from engine.utils.paths import default_workspace, log_folder, model_file, store_file


def test_everything_of_a_workspace_is_inside_it() -> None:
    workspace = Path("work")
    for path in (store_file(workspace), model_file(workspace, 3, "cnn_4", 2), log_folder(workspace)):
        assert path.is_relative_to(workspace)
    assert store_file(workspace).name == "trainscope.sqlite3"


def test_every_run_has_a_model_file_of_its_own_and_no_variant_names_a_folder() -> None:
    files = {model_file(Path(), e, v, r) for e in (1, 2) for v in ("cnn_5/relu", "cnn_5/sigmoid") for r in (1, 2)}
    assert len(files) == 8
    assert {file.parent for file in files} == {Path("models/experiment-1"), Path("models/experiment-2")}


def test_tests_keep_away_from_the_users_own_data() -> None:
    assert "trainscope-tests-" in str(default_workspace())
