"""The lines that a script needs to be watched, for each framework.

They are whole loops, so that it is plain where each line goes; all lines with ``run`` or ``trainscope_log`` are the
ones to add. What else they name is the user's own.
"""

from __future__ import annotations

_PYTORCH = """\
import trainscope_log

run = trainscope_log.start(
    "my experiment", variant="my network", folder={folder},
    settings={{"batch_size": batch_size}}, classes=10, epochs=epochs,
    steps_per_epoch=len(train_loader),
)
run.watch(model, optimizer)  # gradients, updates, learning rate; weights of the first layer

step = 0
for epoch in range(epochs):
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        step += 1
        run.log(step, training_loss=loss.item())
    run.log(step, validation_accuracy=accuracy(model, validation_loader))

run.finish(test_accuracy=accuracy(model, test_loader))
"""

_KERAS = """\
import trainscope_log

run = trainscope_log.start(
    "my experiment", variant="my network", folder={folder},
    settings={{"batch_size": batch_size}}, epochs=epochs, classes=10,
)

model.fit(
    x_train, y_train, batch_size=batch_size, epochs=epochs,
    validation_data=(x_validation, y_validation),
    callbacks=[trainscope_log.KerasCallback(run)],
)

test_loss, test_accuracy = model.evaluate(x_test, y_test)
run.finish(test_accuracy=test_accuracy, test_loss=test_loss)
"""

_NUMPY = """\
import trainscope_log

run = trainscope_log.start(
    "my experiment", variant="my network", folder={folder},
    settings={{"learning_rate": learning_rate}}, classes=10, epochs=epochs,
    steps_per_epoch=len(batches),
)

step = 0
for epoch in range(epochs):
    for images, labels in batches:
        loss, gradients = loss_and_gradients(weights, images, labels)
        for name in weights:
            weights[name] -= learning_rate * gradients[name]
        step += 1
        run.log(step, training_loss=loss)
    run.log(step, validation_accuracy=accuracy(weights, validation))
    run.log_weights(step, weights, inputs_first=True)  # {{"W1": (inputs, units), ...}}

run.finish(test_accuracy=accuracy(weights, test))
"""

SNIPPETS = {"PyTorch": _PYTORCH, "Keras": _KERAS, "NumPy": _NUMPY}


def snippet(framework: str, folder: str) -> str:
    """Return the code for one of ``SNIPPETS`` that logs to ``folder``."""
    return SNIPPETS[framework].format(folder=repr(folder))
