"""Every error of the runtime, in one tree, each with its place in the wire contract.

Two roots: `CallerError` is the fault of whoever asked (a manifest, an input, a setting, a limit);
`PipelineError` is a fault inside, mostly of a node. Both say what was wrong, where, and what to do.
"""

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self


class ErrorType(IntEnum):
    """The contract's classes of errors."""

    UNSPECIFIED = 0
    VALIDATION = 1
    NODE_EXECUTION = 2
    RESOURCE_LIMIT = 3
    AUTHENTICATION = 4
    VERSION_MISMATCH = 5
    INTERNAL = 6
    TYPE_VALIDATION = 7


class MillraceError(Exception):
    """The root of all.

    Attributes:
        error_type: what a client is told that it is.
        node_id: the node at fault; empty where it is none.
        stack_trace: the node's traceback as text, for faults of nodes; else empty.
    """

    error_type: ClassVar[ErrorType] = ErrorType.INTERNAL
    node_id: str = ""
    stack_trace: str = ""


class CallerError(MillraceError):
    """What was asked cannot be done as it was asked; nothing was started or lost."""

    error_type = ErrorType.VALIDATION


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a document.

    Attributes:
        where: the place: file and line where known, node id, key.
        message: what is wrong, and the accepted form.
    """

    where: str
    message: str

    def __str__(self) -> str:
        """Return both, as one line."""
        return f"{self.where}: {self.message}" if self.where else self.message


class ManifestError(CallerError):
    """A manifest is not valid; `faults` lists everything that is wrong with it.

    Attributes:
        document: what was read, where it could be read at all, so that more can be checked.
    """

    document: object = None

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults]
        if len(lines) == 1:
            super().__init__(lines[0])
        else:
            super().__init__(f"{len(lines)} faults:\n" + "\n".join(f"  {line}" for line in lines))


class ConfigError(ManifestError):
    """The runtime's own configuration is not valid; `faults` lists everything that is wrong."""


class InputError(CallerError):
    """An item cannot enter the session: it names no node, or is of a kind that cannot be taken."""

    error_type = ErrorType.TYPE_VALIDATION


class UnknownNodeError(InputError):
    """An item names a node that the pipeline does not have."""

    error_type = ErrorType.VALIDATION


class LimitError(CallerError):
    """A limit of the operator's or of the session's is reached."""

    error_type = ErrorType.RESOURCE_LIMIT

    def __init__(self, message: str, *, node_id: str = "", stack_trace: str = "") -> None:
        super().__init__(f"node {node_id!r}: {message}" if node_id else message)
        self.node_id = node_id
        self.stack_trace = stack_trace


class SharedMemoryError(LimitError):
    """Something does not fit into the session's shared memory, or into the machine's.

    Attributes:
        detail: the message, without the node.
    """

    def __init__(self, detail: str, *, node_id: str = "") -> None:
        super().__init__(detail, node_id=node_id)
        self.detail = detail

    def at(self, node_id: str) -> "SharedMemoryError":
        """Return the same error, of a node."""
        return SharedMemoryError(self.detail, node_id=node_id)


class MemoryLimitError(LimitError):
    """A node's process wanted more memory than the session's limit leaves it."""

    def __init__(self, node_id: str, limit_bytes: int, how: str, stack_trace: str = "") -> None:
        super().__init__(
            f"memory limit of {limit_bytes} bytes exceeded: {how}",
            node_id=node_id,
            stack_trace=stack_trace,
        )
        self.limit_bytes = limit_bytes


class AuthenticationError(CallerError):
    """A server does not let this caller in: it has no token, or not a right one."""

    error_type = ErrorType.AUTHENTICATION


class VersionMismatchError(CallerError):
    """A server does not speak what was asked of it."""

    error_type = ErrorType.VERSION_MISMATCH


class SessionClosedError(CallerError):
    """The session takes no more input: it was closed before."""


class PipelineError(MillraceError):
    """The pipeline failed while it was built or ran."""


class NodeError(PipelineError):
    """A node failed, and with it its session."""

    error_type = ErrorType.NODE_EXECUTION

    def __init__(self, node_id: str, message: str, *, stack_trace: str = "") -> None:
        super().__init__(f"node {node_id!r}: {message}")
        self.node_id = node_id
        self.message = message
        self.stack_trace = stack_trace


class HookError(NodeError):
    """A hook of an actor raised.

    Attributes:
        hook: "initialize", "process", "flush" or "cleanup"; "__init__" where it was not even made.
        exception_type: the name of what it raised.
        detail: the exception's own text.
    """

    def __init__(
        self, node_id: str, hook: str, exception_type: str, detail: str, stack_trace: str = ""
    ) -> None:
        shown = f"{exception_type}: {detail}" if detail else exception_type
        super().__init__(node_id, f"{hook}() raised {shown}", stack_trace=stack_trace)
        self.hook = hook
        self.exception_type = exception_type
        self.detail = detail

    @classmethod
    def of(cls, node_id: str, hook: str, error: BaseException) -> Self:
        """Return the error for what `hook` raised, its traceback without the caller's frame."""
        frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
        trace = "".join(traceback.format_exception(type(error), error, frames))
        return cls(node_id, hook, type(error).__name__, _text_of(error), _as_utf_8(trace))


class KindError(NodeError):
    """A node was sent an item of a kind that it does not take."""

    error_type = ErrorType.TYPE_VALIDATION


class InitTimeoutError(NodeError):
    """A node did not become ready in time."""

    def __init__(self, node_id: str, waited_seconds: float) -> None:
        super().__init__(
            node_id,
            f"not ready after {waited_seconds:g} s; raise "
            "metadata.multiprocess.init_timeout_secs, or load less in initialize()",
        )


class ProcessExitError(NodeError):
    """A node's process ended without being asked to.

    Attributes:
        exit_status: its exit status; None if a signal ended it, or nobody could tell.
        signal_name: "SIGKILL" and the like; empty if it exited by itself.

    Args:
        hint: what may have been the cause; not part of what is known.
    """

    def __init__(
        self,
        node_id: str,
        doing: str,
        *,
        exit_status: int | None,
        signal_name: str = "",
        stack_trace: str = "",
        hint: str = "",
    ) -> None:
        if signal_name:
            how = f"was killed by {signal_name}"
        elif exit_status is None:
            how = "ended, and so did the forkserver that could tell how,"
        else:
            how = f"exited with status {exit_status}"
        message = f"its process {how} while {doing}"
        if hint:
            message += f"; {hint}"
        super().__init__(node_id, message, stack_trace=stack_trace)
        self.exit_status = exit_status
        self.signal_name = signal_name


class SpawnError(NodeError):
    """A node's process could not be started."""


class ServerError(MillraceError):
    """A server did not answer a call as it should; no fault of a pipeline's."""


class UnreachableError(ServerError):
    """No server answers at an address, or the connection to it was lost."""


def _text_of(error: BaseException) -> str:
    """Return an error's text, which is code of its author's and may fail."""
    try:
        return _as_utf_8(str(error))
    except Exception as failure:  # noqa: BLE001 (whatever it is, the first error matters)
        return f"(its text cannot be told: {type(failure).__name__})"


def _as_utf_8(text: str) -> str:
    """Return the text as UTF-8 can carry it, with half a surrogate pair written out."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that nurseries wrapped: the first, since all others are its consequences.

    A group of nothing but cancellations comes back as it is.
    """
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        real = [each for each in error.exceptions if not _is_cancellation(each)]
        if not real:
            return error
        error = real[0]
    return error


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_cancellation(each) for each in error.exceptions)
    # By name, so that this module, at the bottom of all, need not import trio.
    return type(error).__name__ == "Cancelled"
