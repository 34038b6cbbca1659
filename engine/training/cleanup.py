"""Lets go of what Keras and TensorFlow keep of a training that is over."""

from __future__ import annotations

import gc

import keras
from tensorflow.python.framework import ops


def forget_trainings() -> None:
    """Free variables and graphs of all trainings before.

    Keras keeps them in its global state. TensorFlow registers the gradient of every custom gradient that it meets as it
    traces, for ever, with the graph and what that graph holds, the training images above all (tensorflow/tensorflow
    #80895): Keras' optimisers sum gradients over replicas by one. Nothing asks for these gradients again, so they are
    taken out, for which there is no public way.
    """
    keras.backend.clear_session()
    registered = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]
    gc.collect()
