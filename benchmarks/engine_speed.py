"""Engine against a bare loop with the same computation: ratio of steps per second.

The bare loop is the fastest one would write by hand for this protocol: the same network and optimiser, ten steps in one
compiled function, gradient norms and update ratios at the tenth, validation in one compiled call, no Keras ``fit``, no
callbacks, no events. Both use one thread, so that the overhead is compared and not the parallelisation. The engine side
is all of ``engine.training.trainer.train``, with its events pickled as for the pipe and its records stored. Both
alternate in one process: A B A B.

Usage: python -m benchmarks.engine_speed [rounds]
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from engine.config.specs import RunSpec, TrainingSpec
from engine.datasets import PreparedData
from engine.devices.hardware import configure
from engine.events.datasets import DatasetInfo
from engine.events.runs import Record, RunFinished
from engine.events.tasks import Event
from engine.storage.store import Store
from engine.training.noise import noise_run

VALIDATION_IMAGES = 5_000  # the course's
# Training images: enough steps for a stable figure, few enough for several rounds.
TRAINING_IMAGES = {"mlp_1": 45_000, "cnn_4": 5_000}


def main(rounds: int) -> None:
    configure(threads=1)
    print(f"One thread, {rounds} rounds, batch 50, a record with validation on 5,000 images every 10 steps")
    for architecture, images in TRAINING_IMAGES.items():
        compare(architecture, synthetic_data(images), rounds)


def compare(architecture: str, data: PreparedData, rounds: int) -> None:
    run = noise_run(architecture, TrainingSpec(epochs=1))
    steps = len(data.y_train) // run.training.batch_size
    with tempfile.TemporaryDirectory() as folder:
        sides = {"engine": lambda: engine_seconds(run, data, Path(folder)), "bare": bare_loop(run, data)}
        for side in sides.values():
            side()  # warm-up
        times = {name: [] for name in sides}
        for _ in range(rounds):
            for name, side in sides.items():
                times[name].append(1000 * side() / steps)
    ratios = [bare / engine for engine, bare in zip(times["engine"], times["bare"], strict=True)]
    print(
        f"{architecture}: engine {median(times['engine']):.3f} ms a step, bare loop {median(times['bare']):.3f}; "
        f"steps per second, engine to bare: {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    )


def engine_seconds(run: RunSpec, data: PreparedData, folder: Path) -> float:
    from engine.training.trainer import train

    store = Store(folder)
    number = store.add_experiment("benchmark", "{}", 0, data.info, 1)
    planned = store.add_runs(number, [run], [0], [1])[0]
    finished: list[RunFinished] = []

    def emit(event: Event) -> None:
        pickle.dumps(event)
        if isinstance(event, Record):
            store.add(event)
        if isinstance(event, RunFinished):
            finished.append(event)

    train(planned.run, run, data, emit, lambda: None, None)
    store.close()
    return finished[0].seconds


def bare_loop(run: RunSpec, data: PreparedData) -> Callable[[], float]:
    import keras
    import tensorflow as tf

    from engine.networks.architectures import build_network

    x, y = tf.constant(data.x_train), tf.constant(data.y_train)
    x_validation, y_validation = tf.constant(data.x_validation), tf.constant(data.y_validation)
    batch = run.training.batch_size
    network = build_network(run.architecture, data.info.shape, 10, run.network, run.seed)
    optimizer = keras.optimizers.Adam(run.training.learning_rate)
    variables = network.trainable_variables
    optimizer.build(variables)
    kernels = [i for i, variable in enumerate(variables) if variable.name == "kernel"]
    order = tf.Variable(np.arange(len(data.y_train), dtype=np.int32))

    @tf.function
    def step(number):
        chosen = order[number * batch : (number + 1) * batch]
        images, labels = tf.gather(x, chosen), tf.gather(y, chosen)
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, variables)
        optimizer.apply(gradients, variables)
        right = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), labels)
        return loss, tf.reduce_mean(tf.cast(right, tf.float32)), gradients

    @tf.function
    def interval(first):
        loss_sum, accuracy_sum = tf.constant(0.0), tf.constant(0.0)
        for number in tf.range(first, first + 9):
            loss, accuracy, _ = step(number)
            loss_sum, accuracy_sum = loss_sum + loss, accuracy_sum + accuracy
        before = [tf.identity(variables[i].value) for i in kernels]
        loss, accuracy, gradients = step(first + 9)
        norms = [tf.norm(gradients[i]) for i in kernels]
        updates = [tf.norm(variables[i].value - old) / tf.norm(old) for i, old in zip(kernels, before, strict=True)]
        return tf.stack([loss_sum + loss, accuracy_sum + accuracy, *norms, *updates])

    @tf.function
    def validate():
        loss, right = tf.constant(0.0), tf.constant(0.0)
        for start in tf.range(0, VALIDATION_IMAGES, 500):
            labels, logits = y_validation[start : start + 500], network(x_validation[start : start + 500])
            loss += tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
            right += tf.reduce_sum(tf.cast(tf.equal(tf.argmax(logits, 1, output_type=tf.int32), labels), tf.float32))
        return tf.stack([loss, right]) / VALIDATION_IMAGES

    def epoch() -> float:
        begin = time.perf_counter()
        order.assign(np.random.default_rng(0).permutation(len(data.y_train)).astype(np.int32))
        for first in range(0, len(data.y_train) // batch, 10):
            interval(tf.constant(first)).numpy().tolist()
            validate().numpy().tolist()
        return time.perf_counter() - begin

    return epoch


def synthetic_data(images: int) -> PreparedData:
    """Noise in CIFAR-10's shape: what is learned doesn't change how long it takes."""
    generator = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        x = generator.normal(size=(count, 32, 32, 1)).astype(np.float32)
        return x, generator.integers(0, 10, count).astype(np.int32)

    train, validation, test = part(images), part(VALIDATION_IMAGES), part(100)
    names = tuple(str(i) for i in range(10))
    info = DatasetInfo("noise", "Noise", names, (32, 32, 1), images, VALIDATION_IMAGES, 100, "")
    return PreparedData(info, *train, *validation, *test)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
