"""Certificates for tests, made by openssl."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Who signs certificates, in a folder."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        """Its own certificate."""
        return self.folder / f"{self.name}.pem"

    def issue(self, name: str) -> Certificate:
        """Sign a certificate for 127.0.0.1."""
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        _openssl(
            ["-CA", str(self.certificate), "-CAkey", str(self.folder / f"{self.name}.key")],
            made,
            ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"],
        )
        return made


def make_authority(folder: Path, name: str = "authority") -> Authority:
    """Make somebody who signs certificates; skip the test where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    _openssl([], Certificate(folder / f"{name}.pem", folder / f"{name}.key"), [])
    return Authority(folder, name)


def _openssl(signer: list[str], made: Certificate, extensions: list[str]) -> None:
    files = ["-keyout", str(made.key), "-out", str(made.certificate)]
    subject = ["-subj", f"/CN={made.certificate.stem}"]
    command = ["openssl", "req", "-x509", *_EC, *signer, *files, *subject, *extensions]
    subprocess.run(command, check=True, capture_output=True)
