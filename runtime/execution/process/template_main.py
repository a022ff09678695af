"""A template: a forkserver that has preloaded what the nodes of one type need."""

import fcntl
import gc
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Collection, Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from actors import Params

from ...catalogue import load_actor
from .fork_requests import READY
from .preloaded import Preloaded
from .supervisor import die_with_parent
from .title import set_process_title

MAX_SPEC_BYTES: Final = 65_536
"""The longest specification: it is one packet."""

_GPU_DEVICES: Final = "/dev/nvidia", "/dev/kfd", "/dev/dri/"


class TemplateSpec(msgspec.Struct, frozen=True):
    """What a template preloads; equal ones share a template.

    Attributes:
        target: "module:Class" of the actor.
        params: those of `Actor.preload_params`, as JSON.
        sys_path: where the server finds modules.
    """

    target: str
    params: bytes
    sys_path: tuple[str, ...]


def run_template(control: int, serve: Callable[[socket.socket, Preloaded], None]) -> int:
    """Preload what the control socket names, and serve fork requests; return the exit status.

    The answer is READY, or the reason why nodes cannot be forked from here.
    """
    die_with_parent(signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    requests = socket.socket(fileno=control)
    requests.set_inheritable(False)
    try:
        spec = msgspec.msgpack.decode(requests.recv(MAX_SPEC_BYTES), type=TemplateSpec)
    except msgspec.DecodeError:
        return 0  # the server has closed the socket
    set_process_title(f"template of {spec.target}", "")
    try:
        before = _open_files()
        resources = _preload(spec)
        reason = unforkable(_open_files() - before)
    except BaseException as error:  # noqa: BLE001 (of the actor's code; the server logs it)
        resources, reason = {}, f"preload() raised {type(error).__name__}: {error}"
    requests.send(reason.encode(errors="replace")[:MAX_SPEC_BYTES] if reason else READY)
    if reason:
        return 0
    gc.collect()
    gc.freeze()
    serve(requests, Preloaded(resources))
    return 0


def _open_files() -> set[tuple[str, str]]:
    """Return the descriptors that forks would read from together, and what they are.

    Files that are only written to, such as a library's log, are no harm.
    """
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the one that lists them is closed meanwhile
            is_read = fcntl.fcntl(int(number), fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY
            if is_read and not stat.S_ISCHR(os.fstat(int(number)).st_mode):
                found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


def unforkable(opened: Collection[tuple[str, str]] = ()) -> str:
    """Return why this process cannot be forked with what it has; empty if it can.

    Args:
        opened: the descriptors that preloading has left open, and what they are.
    """
    if opened:
        names = ", ".join(sorted(name for _, name in opened))
        return f"preload() keeps files open, whose position all nodes would share: {names}"
    # The kernel's names of Python's threads are the title of the process, cut.
    known = {thread.native_id: thread.name for thread in threading.enumerate()}
    threads = [
        known.get(int(thread)) or Path(f"/proc/self/task/{thread}/comm").read_text().strip()
        for thread in os.listdir("/proc/self/task")
        if int(thread) != os.getpid()
    ]
    if threads:
        return f"preload() has started threads, which a fork does not have: {', '.join(threads)}"
    mapped = Path("/proc/self/maps").read_text()
    for device in _GPU_DEVICES:
        if device in mapped:
            return f"preload() uses a GPU ({device}), whose context a fork cannot use"
    return ""


def _preload(spec: TemplateSpec) -> Mapping[Hashable, object]:
    import sys

    sys.path[:] = spec.sys_path
    actor = load_actor(spec.target)
    return actor.preload(_params(actor.params_type, spec.params)) or {}


def _params(params_type: type[Params], encoded: bytes) -> Params:
    """Return the params that preloading depends on, and the defaults of the others.

    Those that have no default are missing, so that a type whose template depends on none of its
    params need not have a template for each model.
    """
    given = msgspec.json.decode(encoded)
    fields = params_type.model_fields
    if any(field.is_required() and name not in given for name, field in fields.items()):
        return params_type.model_construct(**given)
    return params_type.model_validate_json(encoded)
