"""One position of a sliding kernel in numbers: pixels, kernel, products and sum."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from engine.experiments.convolution.numpy_convolution import largest_magnitude
from engine.utils.arrays import Array
from gui.boards.convolution.numbers import NumberGrid, as_number


class Products(QWidget):
    """Three matrices and a sum in two rows, each under its title."""

    def __init__(self) -> None:
        super().__init__()
        self._window = NumberGrid("slide_window", "Pixels of the window")
        self._weights = NumberGrid("slide_weights", "Values of the kernel")
        self._products = NumberGrid("slide_products", "Products")
        self._sum = QLabel()
        self._sum.setObjectName("slide_sum")
        self._sum.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sum.setWordWrap(True)
        # Its text changes at every step, which must not move the matrices beside it.
        self._sum.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._arrange()

    def show_position(self, window: Array, weights: Array, low: float, high: float) -> float:
        """Show ``window`` and ``weights``, [height, width], and their products.

        Pixels are black at ``low`` and white at ``high``.

        Returns:
            The sum of the products.
        """
        products = window * weights.astype(float)
        self._window.show_grey(window, low, high)
        self._weights.show_signed(weights, largest_magnitude(weights))
        self._products.show_signed(products, largest_magnitude(products))
        return float(products.sum())

    def show_sum(self, output: float, position: str, share: str) -> None:
        """Show the output's value and position, and above it ``share``, the part from the displayed products."""
        above = f"{share}<br>" if share else ""
        self._sum.setText(f"{above}<span style='font-size:20px'><b>{output:.5g}</b></span><br>{position}")

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        cells = (
            ("Pixels in the window", self._window),
            ("times the kernel", self._weights),
            ("are the products", self._products),
            ("and their sum", self._sum),
        )
        for position, (text, widget) in enumerate(cells):
            row, column = divmod(position, 2)
            title = QLabel(text)
            title.setObjectName("caption")
            grid.addWidget(title, 2 * row, column)
            grid.addWidget(widget, 2 * row + 1, column)
            grid.setRowStretch(2 * row + 1, 1)
            grid.setColumnStretch(column, 1)


def share_of_channel(total: float, channel: int, channels: int) -> str:
    """Return a text with the contribution of one of several channels; empty for a single channel."""
    return f"channel {channel + 1} alone: {as_number(total)}" if channels > 1 else ""
