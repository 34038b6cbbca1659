"""Release of the memory that Keras and TensorFlow keep of finished trainings."""

from __future__ import annotations

import gc

import keras
from tensorflow.python.framework import ops


def free_previous_trainings() -> None:
    """Free variables and graphs of all previous trainings.

    Keras keeps them in its global state. TensorFlow registers the gradient of every custom gradient that it traces and
    never removes it, nor the graph and what that references, above all the training images (tensorflow/tensorflow
    #80895); Keras' optimisers use a custom gradient to sum gradients over replicas. Nothing looks these up again, so
    they are removed from the registry, which has no public interface for that.
    """
    keras.backend.clear_session()
    registered = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]
    gc.collect()
