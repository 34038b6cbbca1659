"""What is seen while the window is being made."""

from __future__ import annotations

from PySide6.QtCore import QDeadlineTimer, QEventLoop, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QLabel

import engine
from engine.utils.paths import RESOURCES

MOST_MS = 50  # that a screen which doesn't show it may cost
WIDTH, HEIGHT, ICON_SIDE = 360, 240, 96  # px
BACKGROUND, TEXT = QColor("#10263d"), QColor("#e4e8ee")  # the icon's own, in light and dark alike


class Splash(QLabel):
    """The icon, the name and the version, in the middle of the screen.

    Qt's own QSplashScreen holds the program up for a second where nobody tells it that it is mapped.
    """

    def __init__(self) -> None:
        super().__init__(None, Qt.WindowType.SplashScreen | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("splash")
        self.setWindowTitle("Trainscope is starting")
        self.setPixmap(_picture(self.devicePixelRatioF()))
        self.setFixedSize(WIDTH, HEIGHT)
        self.move(self.screen().availableGeometry().center() - self.rect().center())

    def show_now(self) -> None:
        """Be painted before what comes next takes its time."""
        self.show()
        deadline = QDeadlineTimer(MOST_MS)
        while not self.windowHandle().isExposed() and not deadline.hasExpired():
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, MOST_MS)


def _picture(scale: float) -> QPixmap:
    """For a screen of ``scale`` physical pixels a pixel."""
    picture = QPixmap(round(WIDTH * scale), round(HEIGHT * scale))
    picture.setDevicePixelRatio(scale)
    picture.fill(BACKGROUND)
    painter = QPainter(picture)
    icon = QIcon(str(RESOURCES / "icon.svg"))
    icon.paint(painter, (WIDTH - ICON_SIDE) // 2, 40, ICON_SIDE, ICON_SIDE)
    painter.setPen(TEXT)
    font = painter.font()
    font.setPixelSize(22)
    painter.setFont(font)
    painter.drawText(0, 148, WIDTH, 36, Qt.AlignmentFlag.AlignCenter, "Trainscope")
    font.setPixelSize(13)
    painter.setFont(font)
    painter.drawText(0, 184, WIDTH, 24, Qt.AlignmentFlag.AlignCenter, f"{engine.__version__}, starting …")
    painter.end()
    return picture
