"""Augments a batch of training images, inside the compiled training function or on its own."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from engine.config.augmentation import AugmentationSpec
from engine.training.augmentation.draws import Draws, draw
from engine.utils.arrays import Array

# Labels of the images of a batch, and their weights if they are mixed.
Target = tuple[tf.Tensor] | tuple[tf.Tensor, tf.Tensor]


class Augmenter:
    """Augments training images as drawn for the current epoch.

    Images are moved by one transform that composes flip, shift, rotation and zoom, so that they are interpolated once,
    and by whole pixels not at all. Everything is linear in the pixels, so that it is computed with those that the
    network sees, whatever their normalisation. Keras' ``ops.image.affine_transform`` uses the same operation of
    TensorFlow; here it is called directly, as the size of the images is then known to the layers that follow.

    Args:
        spec: the settings.
        seed: the run's seed.
        count: number of training images.
        shape: height, width and channels.
        black: the value of black, for each channel.
        white: likewise.
    """

    def __init__(
        self,
        spec: AugmentationSpec,
        seed: int,
        count: int,
        shape: tuple[int, int, int],
        black: tuple[float, ...],
        white: tuple[float, ...],
    ) -> None:
        self._spec, self._seed, self._count, self._shape = spec, seed, count, shape
        self._black, self._white = np.array(black, np.float32), np.array(white, np.float32)
        drawn = draw(spec, seed, 0, count, shape)
        self._drawn = {name: tf.Variable(values, trainable=False) for name, values in vars(drawn).items()}

    def begin_epoch(self, epoch: int) -> None:
        """Draw anew for ``epoch`` (from 0)."""
        drawn: Draws = draw(self._spec, self._seed, epoch, self._count, self._shape)
        for name, values in vars(drawn).items():
            self._drawn[name].assign(values)

    def batch(self, images: tf.Tensor, labels: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, list[Target]]:
        """Return augmented images, and their labels, once or, if images are mixed, twice with weights that sum to 1.

        Args:
            images: all training images, float32 [count, height, width, channels].
            labels: of all training images.
            chosen: numbers of the images wanted.
        """
        if self._spec.mixup <= 0:
            return self._augment(images, chosen), [(tf.gather(labels, chosen),)]
        partners, weights = self._of("partners", chosen), self._of("weights", chosen)
        pairs = self._augment(images, tf.concat([chosen, partners], axis=0))
        own, other = tf.split(pairs, 2)
        share = _per_image(weights)
        mixed = share * own + (1 - share) * other
        return mixed, [(tf.gather(labels, chosen), weights), (tf.gather(labels, partners), 1 - weights)]

    def _augment(self, images: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        found = tf.gather(images, chosen)
        if self._spec.moves:
            found = self._move(found, self._of("transforms", chosen))
        if self._spec.changes_brightness:
            factors, added = _per_image(self._of("contrast", chosen)), _per_image(self._of("brightness", chosen))
            found = factors * found + (1 - factors) * self._gray + added * (self._white - self._black)
            found = tf.clip_by_value(found, self._black, self._white)
        if self._spec.cutout > 0:
            found = tf.where(self._covered(self._of("cutout", chosen)), self._gray, found)
        return found

    def _of(self, name: str, chosen: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._drawn[name], chosen)

    @property
    def _gray(self) -> Array:
        return (self._black + self._white) / 2

    def _move(self, images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
        def moved(part: tf.Tensor, black: float) -> tf.Tensor:
            return tf.raw_ops.ImageProjectiveTransformV3(
                images=part,
                transforms=transforms,
                output_shape=self._shape[:2],
                fill_value=black,
                interpolation="BILINEAR" if self._spec.interpolates else "NEAREST",
                fill_mode="CONSTANT" if self._spec.border == "black" else "REFLECT",
            )

        if self._spec.border == "reflect" or len(set(self._black.tolist())) == 1:
            return moved(images, float(self._black[0]))
        channels = tf.split(images, self._shape[2], axis=3)
        return tf.concat([moved(*each) for each in zip(channels, self._black.tolist(), strict=True)], axis=3)

    def _covered(self, corners: tf.Tensor) -> tf.Tensor:
        """Return a mask bool [n, height, width, 1] of squares with these top left corners, int32 [n, 2]."""
        height, width, _ = self._shape

        def within(places: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
            return (places >= starts) & (places < starts + self._spec.cutout)

        rows = within(tf.reshape(tf.range(height), [1, height, 1]), tf.reshape(corners[:, 0], [-1, 1, 1]))
        columns = within(tf.reshape(tf.range(width), [1, 1, width]), tf.reshape(corners[:, 1], [-1, 1, 1]))
        return (rows & columns)[..., tf.newaxis]


def _per_image(values: tf.Tensor) -> tf.Tensor:
    """Return [n] as [n, 1, 1, 1]."""
    return tf.reshape(values, [-1, 1, 1, 1])
