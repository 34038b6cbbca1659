"""(c) Plain Keras: ``fit``, and ``evaluate`` in a callback."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.compare.protocol import BATCH, LEARNING_RATE, RECORD_EVERY, SEED, Round, Workload
from engine.config.specs import NetworkSpec
from engine.devices.hardware import quiet_tensorflow
from engine.networks.architectures import build_network

EVALUATION_BATCH = 500  # fastest of 250, 500 and 1,000 for cnn_4; mlp_1 is a twentieth faster with 1,000


def make(workload: Workload) -> Callable[[], Round]:
    quiet_tensorflow()  # everything else is the default
    import keras

    data = workload.prepared()

    class Validate(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.records: list[tuple[float, ...]] = []

        def on_train_batch_end(self, batch, logs=None):
            if (batch + 1) % RECORD_EVERY == 0:
                found = self.model.evaluate(
                    data.x_validation, data.y_validation, batch_size=EVALUATION_BATCH, verbose=0
                )
                self.records.append((logs["loss"], logs["accuracy"], *found))

    network = build_network(workload.architecture, data.info.shape, 10, NetworkSpec(), SEED)
    initial = network.get_weights()

    def train() -> Round:
        network.set_weights(initial)
        network.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            jit_compile=False,
        )
        # Exclude one-time costs, mainly compilation.
        network.train_on_batch(data.x_train[:BATCH], data.y_train[:BATCH])
        network.evaluate(data.x_validation, data.y_validation, batch_size=EVALUATION_BATCH, verbose=0)
        network.set_weights(initial)
        keras.utils.set_random_seed(SEED)
        validate = Validate()
        begin = time.perf_counter()
        network.fit(data.x_train, data.y_train, batch_size=BATCH, epochs=1, verbose=0, callbacks=[validate])
        return Round((time.perf_counter() - begin) / workload.steps, validate.records[-1][-1])

    return train
