"""The splash screen."""

from __future__ import annotations

from PySide6.QtCore import QDeadlineTimer, QEventLoop, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QLabel

import engine
from engine.utils.paths import RESOURCES

MAX_WAIT_MS = 50  # for the window system to show it
WIDTH, HEIGHT, ICON_SIDE = 360, 240, 96  # px
BACKGROUND, TEXT = QColor("#10263d"), QColor("#e4e8ee")  # those of the icon, in both colour schemes


class Splash(QLabel):
    """Icon, name and version in the middle of the screen.

    QSplashScreen would block for up to a second on platforms that do not report the window as exposed.
    """

    def __init__(self) -> None:
        super().__init__(None, Qt.WindowType.SplashScreen | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("splash")
        self.setWindowTitle("Trainscope is starting")
        self.setPixmap(_picture(self.devicePixelRatioF()))
        self.setFixedSize(WIDTH, HEIGHT)
        self.move(self.screen().availableGeometry().center() - self.rect().center())

    def show_now(self) -> None:
        """Show and paint it before returning."""
        self.show()
        deadline = QDeadlineTimer(MAX_WAIT_MS)
        while not self.windowHandle().isExposed() and not deadline.hasExpired():
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, MAX_WAIT_MS)


def _picture(scale: float) -> QPixmap:
    """Render the splash screen; ``scale`` is the device pixel ratio."""
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
