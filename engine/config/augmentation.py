"""Augmentation: random changes of the training images, anew in every epoch."""

from __future__ import annotations

from typing import Literal

from engine.config.base import Spec
from engine.config.fields import field

Border = Literal["reflect", "black"]
GROUP = "Augmentation"


class AugmentationSpec(Spec):
    """Random changes of the training images; validation and test images are never changed.

    Pixels are meant as stored, from 0 for black to 1 for white, whatever the normalisation.
    """

    flip: bool = field(
        False,
        label="Flip",
        group=GROUP,
        help="Mirror images left to right, each with probability one half; not for digits or letters, which it makes "
        "others.",
    )
    shift: int = field(
        0,
        label="Shift up to",
        unit="px",
        group=GROUP,
        ge=0,
        le=64,
        help="Shift by whole pixels, up to so many in each direction: the same as a random crop of an image padded by "
        "so many pixels.",
    )
    rotation: int = field(
        0, label="Rotate up to", unit="°", group=GROUP, ge=0, le=180, help="Rotate about the centre, either way."
    )
    zoom: float = field(
        0.0,
        label="Zoom up to",
        group=GROUP,
        ge=0,
        le=0.9,
        help="Magnify or shrink about the centre: 0.1 stands for factors between 0.9 and 1.1.",
    )
    border: Border = field(
        "reflect",
        label="Border",
        group=GROUP,
        choice_labels={"reflect": "reflect: mirrored", "black": "black"},
        help="What fills the places that a shift, rotation or zoom leaves empty: the image mirrored at its edge, or "
        "black.",
    )
    brightness: float = field(
        0.0,
        label="Brightness ±",
        group=GROUP,
        ge=0,
        le=1,
        help="Add up to so much to all pixels, or subtract it, where 0 is black and 1 white; what leaves that range is "
        "clipped.",
    )
    contrast: float = field(
        0.0,
        label="Contrast ±",
        group=GROUP,
        ge=0,
        le=1,
        help="Multiply the distance of all pixels from medium gray: 0.2 stands for factors between 0.8 and 1.2; what "
        "leaves the range from black to white is clipped.",
    )
    cutout: int = field(
        0,
        label="Cutout side",
        unit="px",
        group=GROUP,
        ge=0,
        le=512,
        help="Cover a square of this side with medium gray; its centre is anywhere in the image (DeVries and Taylor, "
        "2017).",
    )
    mixup: float = field(
        0.0,
        label="Mixup alpha",
        group=GROUP,
        ge=0,
        le=10,
        help="Average each image with another training image, by a weight drawn from Beta(alpha, alpha), and their "
        "losses likewise (Zhang et al., 2018, with alpha from 0.1 to 0.4 for photographs).",
    )

    @property
    def moves(self) -> bool:
        """Whether images are flipped, shifted, rotated or zoomed."""
        return self.flip or self.shift > 0 or self.interpolates

    @property
    def interpolates(self) -> bool:
        """Whether pixels fall between those of the image."""
        return self.rotation > 0 or self.zoom > 0

    @property
    def changes_brightness(self) -> bool:
        """Whether brightness or contrast is changed."""
        return self.brightness > 0 or self.contrast > 0

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations that make up the time of a step; empty if images are not augmented."""
        found = {
            "interpolated" if self.interpolates else "moved": self.moves,
            "brightness": self.changes_brightness,
            "cutout": self.cutout > 0,
            "mixup": self.mixup > 0,
        }
        return tuple(name for name, is_on in found.items() if is_on)
