"""A cluster with TLS certificates of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.engine.executors.dask.real_cluster import PLAN, RealCluster, start_program
from tests.engine.executors.processes.kill_support import results

pytestmark = pytest.mark.long


def certificates(folder: Path) -> None:
    """Create an authority, a certificate signed by it, and a Dask configuration with both."""
    now = datetime.now(UTC)

    def certificate(name: str, public: Any, issuer: str, key: Any, is_authority: bool) -> bytes:
        named, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
        made = (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(by)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, node = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (folder / "ca.pem").write_bytes(certificate("ca", authority.public_key(), "ca", authority, True))
    (folder / "node.pem").write_bytes(certificate("node", node.public_key(), "ca", authority, False))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "node.key").write_bytes(node.private_bytes(*form))
    roles = "".join(
        f"      {role}: {{cert: {folder / 'node.pem'}, key: {folder / 'node.key'}}}\n"
        for role in ("scheduler", "worker", "client")
    )
    (folder / "tls.yaml").write_text(
        f"distributed:\n  comm:\n    require-encryption: true\n    tls:\n      ca-file: {folder / 'ca.pem'}\n{roles}"
    )


def test_a_cluster_with_certificates_of_its_own_trains_for_who_holds_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[object]
) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    certificates(folder)
    monkeypatch.setenv("DASK_CONFIG", str(folder))
    cluster = RealCluster(tmp_path, protocol="tls")
    try:
        cluster.start_worker()
        cluster.start_worker()
        program = start_program(tmp_path / "w", cluster, *PLAN)
        _, complaints = program.communicate(timeout=300)
        assert program.returncode == 0, complaints
        assert results(tmp_path / "w") == undisturbed
        monkeypatch.delenv("DASK_CONFIG")
        stranger = start_program(tmp_path / "stranger", cluster, *PLAN)
        _, complaints = stranger.communicate(timeout=300)
        assert stranger.returncode == 1
        assert "TLS needs a certificate" in complaints
        assert "Traceback" not in complaints
    finally:
        cluster.end()
