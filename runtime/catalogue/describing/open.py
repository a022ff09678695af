"""Describes node types through a child process, which it starts when it first needs one."""

import os
import select
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from ...errors import ConfigError, Fault
from ..lookup import NodeType
from ..modules import is_loaded
from ..params import ParamsCheck
from .cache import DescriptionCache, Entry, params_key
from .describer import ImportingDescriber
from .description import Description
from .requests import Answer, Describe, DescribeReply, RefusalReply, Request, Scan, ScanReply

# Importing a large library from a cold disk may take a minute.
_ANSWER_SECONDS: Final = 120.0
_END_SECONDS: Final = 2.0
# Built-in nodes import nothing heavy before they are initialized; a test checks that.
_LIGHT: Final = "actors.nodes."


class ChildDescriber:
    """Describes loaded and light classes itself, and all others through a child process.

    The answers of the child are cached on disk until a file of the type's package changes. Usable
    from several threads.
    """

    def __init__(self, cache: DescriptionCache, without: Collection[str] = ()) -> None:
        self._cache = cache
        self._without = frozenset(without)
        self._here = ImportingDescriber()
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def describe(self, node_type: NodeType) -> Description:
        """Return the description of a type."""
        if _is_here(node_type):
            return self._here.describe(node_type)
        with self._turn:
            return self._entry(node_type).description

    def check_params(self, node_type: NodeType, given: Mapping[str, Any]) -> ParamsCheck:
        """Check the params that a manifest gives a node of a type."""
        if _is_here(node_type):
            return self._here.check_params(node_type, given)
        key = params_key(given)
        with self._turn:
            entry = self._entry(node_type, dict(given))
            if key not in entry.checks:
                entry = self._ask_for(node_type, dict(given))
            return entry.checks[key].as_checked()

    def scan(self, *, path: Path | None = None, module: str = "") -> dict[str, str]:
        """Return the actors of a file, a folder or a module: name -> "module:Class".

        Raises:
            ConfigError: it cannot be imported.
        """
        request = Scan("" if path is None else str(path), module)
        with self._turn:
            found = self._cache.scanned(request)
            if found is None:
                answer = self._ask(request, request.path or request.module)
                assert isinstance(answer, ScanReply)
                found = answer
                self._cache.keep_scan(request, found)
        return found.types

    def close(self) -> None:
        """Terminate the child process."""
        if self._process is None:
            return
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._process = None

    def _entry(self, node_type: NodeType, params: dict[str, Any] | None = None) -> Entry:
        target = node_type.target
        # One stat per file, so that a server sees the changes of an author.
        entry = self._cache.entry(target)
        if entry is None:
            return self._ask_for(node_type, params)
        return entry

    def _ask_for(self, node_type: NodeType, params: dict[str, Any] | None) -> Entry:
        answer = self._ask(Describe.of(node_type, params), node_type.target)
        assert isinstance(answer, DescribeReply)
        entry = self._cache.entry(node_type.target)
        if entry is None:
            entry = Entry(answer.description, answer.files)
        if params is not None and answer.checked is not None:
            entry.checks[params_key(params)] = answer.checked
        self._cache.keep(node_type.target, entry)
        return entry

    def _ask(self, request: Request, what: str) -> Answer:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            process.stdin.flush()
            readable, _, _ = select.select([process.stdout], [], [], _ANSWER_SECONDS)
            if not readable:
                raise self._given_up(what)
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            status = process.wait(_ANSWER_SECONDS)
            self.close()
            message = f"importing it ended the process, with status {status}"
            raise ConfigError([Fault(what, message)])
        answer: Answer = msgspec.json.decode(line, type=Answer)
        if isinstance(answer, RefusalReply):
            # The process keeps half of a module; the next request gets a new process.
            self.close()
            raise ConfigError([Fault(answer.where, answer.message)])
        return answer

    def _given_up(self, what: str) -> ConfigError:
        assert self._process is not None
        self._process.kill()
        self.close()
        message = f"importing it took longer than {_ANSWER_SECONDS:g} s"
        return ConfigError([Fault(what, message)])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            inherited = {
                name: value for name, value in os.environ.items() if name not in self._without
            }
            self._process = subprocess.Popen(  # noqa: S603 (this interpreter, and a module of ours)
                [sys.executable, "-P", "-m", f"{__package__}.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**inherited, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        return self._process


def _is_here(node_type: NodeType) -> bool:
    if node_type.actor is not None:
        return True
    return node_type.target.startswith(_LIGHT) or is_loaded(node_type.target)


@contextmanager
def open_describer(
    cache: Path | None = None, *, without: Collection[str] = ()
) -> Iterator[ChildDescriber]:
    """Open a describer; its process ends with the block.

    Args:
        cache: the folder of the cache; None for the default one of the user.
        without: variables of the environment that its process does not inherit.
    """
    describer = ChildDescriber(DescriptionCache(cache), without)
    try:
        yield describer
    finally:
        describer.close()
