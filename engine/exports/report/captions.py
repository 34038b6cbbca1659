"""What stands under a figure, by the beginning of its name."""

from __future__ import annotations

CAPTIONS: tuple[tuple[str, str], ...] = (
    (
        "part3",
        "Training loss; validation (solid) and training (dashed) accuracy; test against training accuracy, one point a "
        "run; validation against training accuracy, one point a record. Lines are means over the repeats, bands one "
        "sample standard deviation to each side.",
    ),
    ("weights_", "First-layer weights of {rest}, of its run with the best test accuracy, on one common grey scale."),
    (
        "part4",
        "Training loss, and the L2 norm of the loss gradient with respect to the first layer's kernel. Colours tell "
        "architectures apart, line patterns activations.",
    ),
    ("gradients_", "Gradient norm of every layer of {rest} over the steps, first layer on top."),
    (
        "part5_schedule",
        "Training loss and validation accuracy; dotted lines mark where the rate of the schedule switches. Curves "
        "called search found the plateaus.",
    ),
    ("part5", "Training loss and validation accuracy at each learning rate."),
    ("train_on", "Training loss and validation accuracy from the first further step on."),
    ("range_test", "Range test: training loss while the learning rate rises at every step."),
    ("cross_entropy", "Cross-entropy and its gradient over the probability given to the true class."),
    ("gradient_recovery", "Largest difference between the gradient that two weights tell and the computed one."),
    ("convolution_raw", "Outputs on one grey scale, 0 in its middle: one row an input image, one column a kernel."),
    ("convolution_normalised", "The same outputs, each normalised to [0, 1]."),
)


def caption_of(name: str) -> str:
    """The caption of the figure called ``name``; its name where none is known."""
    for beginning, caption in CAPTIONS:
        if name.startswith(beginning):
            return caption.format(rest=name.removeprefix(beginning))
    return name
