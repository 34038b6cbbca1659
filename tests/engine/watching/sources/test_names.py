from __future__ import annotations

import pytest

from engine.events.watching import Grouping
from engine.watching.sources.names import group, grouping, run_path, standard_name, standard_names


@pytest.mark.parametrize(
    ("standard", "names"),
    [
        (
            "training_loss",
            "loss train_loss training_loss trainLoss loss/train Loss/train train/loss epoch_loss Train-Loss",
        ),
        ("training_loss", "train_loss_step train_loss_epoch cross_entropy nll_loss batch_loss running_loss cost"),
        ("training_accuracy", "acc accuracy train_acc Accuracy/train sparse_categorical_accuracy top1 acc@1"),
        ("validation_loss", "val_loss valid_loss validation/loss Loss/validation eval_loss loss/dev Loss/val"),
        ("validation_loss", "evaluation_loss_vs_iterations"),
        ("validation_accuracy", "val_acc val_accuracy valAcc Accuracy/valid val_binary_accuracy val/Acc@1"),
        ("learning_rate", "lr LR learning_rate learning-rate lr-Adam lr-SGD/pg1 epoch_learning_rate"),
        ("test_loss", "test_loss Loss/test"),
        ("test_accuracy", "test_acc test/accuracy"),
        (
            None,
            "val_box_loss top5_acc loss_1 f1 train_val_loss_gap train_val_loss learning_rate_decay lr-SGD/pg2 error",
        ),
        (None, "epoch step binary x 1 top balanced_accuracy val lr-Adam-momentum"),
    ],
)
def test_usual_names_of_numbers(standard: str | None, names: str) -> None:
    assert {name: standard_name(name) for name in names.split()} == dict.fromkeys(names.split(), standard)


def test_the_part_of_the_data_may_be_told_otherwise() -> None:
    assert standard_name("epoch_loss", "train") == "training_loss"
    assert standard_name("epoch_loss", "validation") == "validation_loss"
    assert standard_name("epoch_loss", "some folder") == "training_loss"
    assert standard_name("val_loss", "train") == "validation_loss"


def test_of_several_names_for_a_number_the_plainest_is_taken() -> None:
    assert standard_names(["train_loss_epoch", "train_loss_step", "val_loss_epoch", "val_loss_step", "f1"]) == {
        "train_loss_step": "training_loss",
        "val_loss_epoch": "validation_loss",
    }
    assert standard_names(["loss", "training_loss", "nll_loss"]) == {"training_loss": "training_loss"}
    assert standard_names(["sparse_categorical_accuracy", "accuracy"]) == {"accuracy": "training_accuracy"}


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ("mlp_1 mlp_2 cnn_3 cnn_4 cnn_5", "mlp_1:1 mlp_2:1 cnn_3:1 cnn_4:1 cnn_5:1"),
        ("mlp mlp_1 mlp_2", "mlp:1 mlp_1:1 mlp_2:1"),
        ("cnn_4_run3 cnn_4-seed=1 cnn_4/1 cnn_5_rep_1 cnn_5.trial-2", "cnn_4:3 cnn_4:2 cnn_4:1 cnn_5:1 cnn_5:2"),
        ("cnn_4_1 cnn_4_2 mlp_1_1 cnn_4_64", "cnn_4:1 cnn_4:2 mlp_1:1 cnn_4_64:1"),
        ("net_0 net_1 net_2", "net:1 net:2 net:3"),
        ("net net_1 net_2", "net:1 net:2 net:3"),
        ("net_1 net_2 net_3", "net_1:1 net_2:1 net_3:1"),
        ("net_0 net_2 units_64 units_128", "net_0:1 net_2:1 units_64:1 units_128:1"),
        ("resnet_18 resnet_34 lr_0.1 lr_0.01", "resnet_18:1 resnet_34:1 lr_0.1:1 lr_0.01:1"),
        ("cnn_4_2023-11-12_13-44-00 cnn_4_2023-11-11_13-44-00", "cnn_4:2 cnn_4:1"),
        ("20231112-134400-cnn_4 cnn_4-1699796640 cnn_5_20231112T134400Z", "cnn_4:1 cnn_4:2 cnn_5:1"),
        ("lightning_logs/version_0 lightning_logs/version_1", "version_0:1 version_1:1"),
        ("logs/cnn_4/version_0 logs/cnn_4/version_2 cnn_5/version_0", "cnn_4:1 cnn_4:3 cnn_5:1"),
        ("cnn_4_seed3/version_0 cnn_4_seed4/version_0", "cnn_4:4 cnn_4:5"),
        ("cnn_4/2023-11-12_13-44-00 fit/20231112-134400", "cnn_4:1 20231112-134400:1"),
        ("runs/Nov12_13-44-00_pc runs/Nov12_13-45-00_pc", "Nov12_13-44-00_pc:1 Nov12_13-45-00_pc:1"),
        ("run_1 run_2 3", "run_1:1 run_2:1 3:1"),
        ("seed_0 seed_1", "watched:1 watched:2"),
        ("lr=0.1,seed=0 lr=0.1,seed=1", "lr=0.1:1 lr=0.1:2"),
        ("a_run3 a/1 a-seed-1", "a:3 a:1 a:2"),
        (".", "watched:1"),
    ],
)
def test_runs_are_grouped_by_name(names: str, places: str) -> None:
    grouped = group(names.split(), "watched")
    assert " ".join(f"{place.variant}:{place.repeat}" for place in grouped) == places
    assert {place.experiment for place in grouped} == {"watched"}


def test_further_folders_name_the_experiment() -> None:
    assert group(["homework/part3/cnn_4/1", "runs/b/cnn_5_run2", "cnn_5"], "watched") == [
        Grouping("homework/part3", "cnn_4", 1),
        Grouping("b", "cnn_5", 2),
        Grouping("watched", "cnn_5", 1),
    ]


def test_a_single_name_has_a_repeat_only_if_it_says_so() -> None:
    assert grouping("cnn_4", "watched") == Grouping("watched", "cnn_4", 0)
    assert grouping("net_0", "watched") == Grouping("watched", "net_0", 0)
    assert grouping("cnn_4_run3", "watched") == Grouping("watched", "cnn_4", 3)
    assert grouping("cnn_4_seed0", "watched") == Grouping("watched", "cnn_4", 1)
    assert grouping("cnn_4_run0", "watched") == Grouping("watched", "cnn_4", 1)
    assert grouping("cnn_4/version_2", "watched") == Grouping("watched", "cnn_4", 3)


def test_files_are_named_after_their_folder_if_their_name_says_nothing() -> None:
    names = ["logs/cnn_4/version_0/metrics.csv", "cnn_4.csv", "a/training.log", "metrics.csv", "v1.2.csv"]
    assert [run_path(name) for name in names] == ["logs/cnn_4/version_0", "cnn_4", "a", ".", "v1.2"]
