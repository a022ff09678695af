"""The process that imports node types in order to describe them.

`python -P -m runtime.catalogue.describing.child` reads a request per line from standard input and
writes an answer per line to standard output. It ends when its input ends.
"""

import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ...errors import ConfigError
from ..lookup import NodeType, load_actor
from ..modules import import_module, split_target
from ..params import check_params
from .description import StoredCheck, describe_class
from .requests import Answer, Describe, DescribeReply, RefusalReply, Request, Scan, ScanReply, Stamp
from .scan import scan_module, scan_path
from .stamps import stamp

# Of a larger package, the further files are not watched.
_MOST_FILES: Final = 500


def main() -> None:
    """Answer until the input ends."""
    # Ctrl-C is handled by the process that asks; it closes the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _answers() as answers:
        for line in sys.stdin.buffer:
            request: Request = msgspec.json.decode(line, type=Request)
            answers.write(msgspec.json.encode(_answer(request)) + b"\n")
            answers.flush()


def _answers() -> BinaryIO:
    """Return standard output, and redirect it: what a module prints is no answer."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


def _answer(request: Request) -> Answer:
    try:
        return _described(request) if isinstance(request, Describe) else _scanned(request)
    except ConfigError as error:
        return RefusalReply(error.faults[0].where, error.faults[0].message)


def _described(request: Describe) -> DescribeReply:
    actor = load_actor(NodeType(request.name, request.target, extra=request.extra))
    checked = None
    if request.params is not None:
        checked = StoredCheck.of(check_params(actor.params_type, request.params))
    return DescribeReply(describe_class(actor), checked, _stamps_of_package(actor.__module__))


def _scanned(request: Scan) -> ScanReply:
    types = scan_path(Path(request.path)) if request.path else scan_module(request.module)
    files: dict[str, Stamp] = {}
    for target in types.values():
        module, _ = split_target(target)
        files |= _stamps_of_package(import_module(module).__name__)
    path = Path(request.path)
    if request.path:
        files[str(path)] = stamp(path)
        files |= {str(each): stamp(each) for each in path.glob("*.py")}
    return ScanReply(types, files)


def _stamps_of_package(module_name: str) -> dict[str, Stamp]:
    """Return the stamps of every loaded module of the same top package."""
    top = module_name.partition(".")[0]
    stamps: dict[str, Stamp] = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and name.partition(".")[0] == top and len(stamps) < _MOST_FILES:
            stamps[path] = stamp(Path(path))
    return stamps


if __name__ == "__main__":
    main()
