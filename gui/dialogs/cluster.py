"""Dialog to choose a cluster to train on."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from engine.config.cluster import BATCH_SYSTEMS, MAX_LOCAL_PROCESSES, ClusterChoice, parse_cluster
from engine.devices.hardware import cpu_count
from engine.utils.errors import SpecError
from gui.widgets.factories import named

LOCAL, ADDRESS = "local", "address"
TRUST = (
    "A Dask cluster runs whatever its users send it: take one in a network that you trust, or one that speaks TLS. "
    "docs/cluster.md leads from this machine to four hosts and to Slurm."
)


class ClusterDialog(QDialog):
    """Form whose contents are the ``choice``.

    Args:
        choice: initial contents; None is a local cluster with a process per core.
        parent: the window.
    """

    def __init__(self, choice: ClusterChoice | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("cluster_dialog")
        self.setWindowTitle("Compute on a cluster")
        self._kind, self._count, self._address, self._file = QComboBox(), QSpinBox(), QLineEdit(), QLineEdit()
        self._choose, self._tls, self._share = QPushButton("C&hoose…"), QCheckBox("By &TLS only"), QDoubleSpinBox()
        self._message = QLabel(TRUST)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._make_widgets()
        self._arrange()
        self._show(choice or ClusterChoice(LOCAL, str(cpu_count())))

    @property
    def choice(self) -> ClusterChoice:
        """The cluster described by the form.

        Raises:
            SpecError: if the form describes no valid cluster.
        """
        kind, address, file = str(self._kind.currentData()), self._address.text().strip(), self._file.text().strip()
        if kind == LOCAL:
            text = f"{kind}:{self._count.value()}"
        elif kind == ADDRESS:
            text = address
            if not address.startswith(("tcp://", "tls://")):
                raise SpecError("A scheduler's address is tcp://HOST:PORT or tls://HOST:PORT.")
        else:
            text = f"{kind}:{file}"
            if not file:
                raise SpecError("Name the file that describes the jobs; docs/cluster.md shows one.")
        return parse_cluster(text, self._tls.isChecked(), self._share.value())

    def accept(self) -> None:
        """Close if the form describes a valid cluster, else show why not."""
        try:
            _ = self.choice
        except SpecError as error:
            self._message.setText(str(error))
            return
        super().accept()

    def _show(self, choice: ClusterChoice) -> None:
        self._kind.setCurrentIndex(self._kind.findData(choice.kind))
        if choice.kind == LOCAL:
            self._count.setValue(int(choice.place))
        else:
            (self._address if choice.kind == ADDRESS else self._file).setText(choice.place)
        self._tls.setChecked(choice.tls)
        self._share.setValue(choice.gpu_share)
        self._show_place()

    def _show_place(self) -> None:
        """Show only the fields of the kind of cluster."""
        kind = self._kind.currentData()
        for widget, is_asked in (
            (self._count, kind == LOCAL),
            (self._address, kind == ADDRESS),
            (self._jobs, kind in BATCH_SYSTEMS),
        ):
            self._rows.setRowVisible(widget, is_asked)

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Choose a description of jobs", self._file.text(), "TOML (*.toml)")
        if name:
            self._file.setText(name)

    def _make_widgets(self) -> None:
        self._kind.addItem("Processes on this machine", LOCAL)
        self._kind.addItem("A scheduler that runs already", ADDRESS)
        for name in BATCH_SYSTEMS:
            self._kind.addItem(f"Jobs of {_TITLES.get(name, name.upper())}", name)
        self._count.setRange(1, MAX_LOCAL_PROCESSES)
        self._address.setPlaceholderText("tcp://HOST:8786")
        self._file.setPlaceholderText("jobs.toml")
        self._share.setRange(0.05, 1.0)
        self._share.setSingleStep(0.05)
        self._message.setWordWrap(True)
        self._kind.currentIndexChanged.connect(self._show_place)
        self._choose.clicked.connect(self._choose_file)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        for each in (
            (self._kind, "cluster_kind", "Kind of cluster", "Where the workers come from"),
            (self._count, "cluster_count", "Processes", "How many networks train side by side; they share the cores"),
            (self._address, "cluster_address", "Address", "What dask scheduler said: Scheduler at …"),
            (self._file, "cluster_file", "File", "How many jobs, and what each asks for"),
            (self._choose, "cluster_choose", "Choose a file", "Choose the file"),
            (self._tls, "cluster_tls", "TLS", "Encrypt what goes to and from the cluster, and check who it is"),
            (
                self._share,
                "cluster_gpu_share",
                "Share of a GPU",
                "How much of Dask's resource GPU a run takes, where a GPU is the device: 0.5 puts two on one card",
            ),
            (self._message, "cluster_message", "Message", ""),
        ):
            named(*each)

    def _arrange(self) -> None:
        self._jobs = QWidget()
        row = QHBoxLayout(self._jobs)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._file, 1)
        row.addWidget(self._choose)
        self._rows = QFormLayout()
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows.addRow("&Cluster", self._kind)
        self._rows.addRow("&Processes", self._count)
        self._rows.addRow("&Address", self._address)
        self._rows.addRow("&File", self._jobs)
        self._rows.addRow("&Share of a GPU a run", self._share)
        self._rows.addRow("", self._tls)
        column = QVBoxLayout(self)
        column.addLayout(self._rows)
        column.addWidget(self._message)
        column.addStretch()
        column.addWidget(self._buttons)
        self.setMinimumWidth(34 * self.fontMetrics().averageCharWidth() * 2)


_TITLES = {"slurm": "Slurm", "htcondor": "HTCondor", "moab": "Moab"}
