"""Keeps descriptions on disk, each with the state of the files that it depends on."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import msgspec

from .description import Description, StoredCheck
from .requests import Scan, ScanReply, Stamp
from .stamps import are_current

# Checked params to keep for each node type: a server has few, a test run many.
_MOST_CHECKS: Final = 200


class Entry(msgspec.Struct):
    """The stored description of a node type.

    Attributes:
        checks: outcomes of checks, by the JSON of the params.
    """

    description: Description
    files: dict[str, Stamp]
    checks: dict[str, StoredCheck] = {}


class DescriptionCache:
    """A folder of descriptions. If it cannot be read or written, nothing is cached."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = default_folder() if folder is None else folder

    def entry(self, target: str) -> Entry | None:
        """Return the entry of a node type, if its files have not changed."""
        entry = self._read(f"type {target}", Entry)
        return entry if entry is not None and are_current(entry.files) else None

    def keep(self, target: str, entry: Entry) -> None:
        """Store the entry of a node type."""
        for key in list(entry.checks)[:-_MOST_CHECKS]:
            del entry.checks[key]
        self._write(f"type {target}", entry)

    def scanned(self, scan: Scan) -> ScanReply | None:
        """Return the result of a scan, if its files have not changed."""
        found = self._read(f"scan {scan.path} {scan.module}", ScanReply)
        return found if found is not None and are_current(found.files) else None

    def keep_scan(self, scan: Scan, found: ScanReply) -> None:
        """Store the result of a scan."""
        self._write(f"scan {scan.path} {scan.module}", found)

    def _path(self, key: str) -> Path:
        # With another interpreter or sys.path, the same name may mean another module.
        parts = [key, sys.version, sys.executable, _own_version(), *sys.path, os.getcwd()]
        return self._folder / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.json"

    def _read(self, key: str, kind: Any) -> Any:
        try:
            return msgspec.json.decode(self._path(key).read_bytes(), type=kind)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write(self, key: str, value: object) -> None:
        path = self._path(key)
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(msgspec.json.encode(value))
            os.replace(file.name, path)  # atomic: no reader sees half a file


def params_key(given: Mapping[str, Any]) -> str:
    """Return the key of params in a cache entry."""
    return msgspec.json.encode(dict(given), order="sorted").decode()


def default_folder() -> Path:
    """Return the cache folder of the user."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base if os.path.isabs(base) else Path.home() / ".cache", "millrace", "nodes")


def _own_version() -> str:
    try:
        return version("millrace-runtime")
    except PackageNotFoundError:
        return "from its sources"
