"""Every error class of the runtime, each with its place in the wire contract.

The tree has two roots. `CallerError`: the request cannot be served as it was made. To correct it,
the caller changes the manifest, the input or the limit. `OperationalError`: the request was valid
and failed anyway, in a node, the configuration, the machine or a server. Every message states what
was wrong, where, and what to do.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from .notebook import ShownWithNode
from .text import (
    MAX_DETAIL_CHARACTERS,
    MAX_ERROR_CHARACTERS,
    MAX_TRACE_CHARACTERS,
    shortened,
    text_of,
    trace_of,
)

# Room for the node and what the runtime adds to a message.
_MAX_MESSAGE_CHARACTERS: Final = MAX_ERROR_CHARACTERS - 1024
_MAX_PLACE_CHARACTERS: Final = 1024
# What asyncio, trio and trio-asyncio raise where code of asyncio runs on trio.
_NEEDS_ASYNCIO: Final = re.compile(
    r"^(?:no running event loop|There is no current event loop|You're within a Trio environment"
    r"|trio\.run received unrecognized yield message"
    r"|asyncio\.run\(\) cannot be called from a running event loop"
    r"|Timeout (?:context manager )?should be used inside a task)"
)
_NEEDS_TRIO: Final = re.compile(
    r"^(?:Task got bad yield: .*(?:WaitTaskRescheduled|CancelShieldedCheckpoint|trio))"
)


class ErrorType(IntEnum):
    """The classes of errors in the wire contract."""

    UNSPECIFIED = 0
    VALIDATION = 1
    NODE_EXECUTION = 2
    RESOURCE_LIMIT = 3
    AUTHENTICATION = 4
    VERSION_MISMATCH = 5
    INTERNAL = 6
    TYPE_VALIDATION = 7


class MillraceError(Exception):
    """The base of both roots. It is never raised itself.

    Attributes:
        error_type: the class of the error in the wire contract.
        details: the names of the attributes that an error record carries beside the text, the
            node and the traceback.
        node_id: the failing node; empty if no node failed.
        stack_trace: the node's traceback as text, if a node failed; at most `MAX_TRACE_CHARACTERS`.

    Args:
        message: cut to `MAX_ERROR_CHARACTERS`.
    """

    error_type: ClassVar[ErrorType] = ErrorType.INTERNAL
    details: ClassVar[tuple[str, ...]] = ()
    node_id: str = ""
    stack_trace: str = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(message, MAX_ERROR_CHARACTERS))


class CallerError(MillraceError):
    """A request that cannot be served as it was made."""

    error_type = ErrorType.VALIDATION


class OperationalError(MillraceError):
    """A failure of a node, the configuration, the machine or a server: not the caller's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a document.

    Attributes:
        where: the place: file and line where known, node id, key.
        message: what is wrong, and the accepted form.
    """

    where: str
    message: str

    def __str__(self) -> str:
        """Return place and message in one line."""
        return f"{self.where}: {self.message}" if self.where else self.message


class ManifestError(CallerError):
    """An invalid manifest.

    Attributes:
        faults: everything that is wrong with it.
        document: the parsed document, if it could be parsed, for further checks.
    """

    details: ClassVar[tuple[str, ...]] = ("faults",)
    document: object = None

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(map(_bounded, faults))
        super().__init__(_list_of(self.faults))


class ConfigError(OperationalError):
    """An invalid configuration of the operator: runtime.toml, a node type, an installed executor.

    Attributes:
        faults: everything that is wrong with it.
    """

    details: ClassVar[tuple[str, ...]] = ("faults",)

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(map(_bounded, faults))
        super().__init__(_list_of(self.faults))


class InputError(CallerError):
    """An item that cannot enter the session.

    Args:
        message: without the node.
        node_id: the node that the item is for, if it is known; the text begins with it.
    """

    def __init__(self, message: str = "", *, node_id: str = "") -> None:
        super().__init__(f"node {node_id!r}: {message}" if node_id else message)
        self.node_id = node_id


class InputKindError(InputError):
    """An item of a kind that its node does not take."""

    error_type = ErrorType.TYPE_VALIDATION


class UnknownNodeError(InputError):
    """An item for a node that the pipeline does not have."""


class LimitError(CallerError):
    """A limit of the session, the operator or the machine that is reached."""

    error_type = ErrorType.RESOURCE_LIMIT

    def __init__(self, message: str, *, node_id: str = "", stack_trace: str = "") -> None:
        super().__init__(f"node {node_id!r}: {message}" if node_id else message)
        self.node_id = node_id
        self.stack_trace = shortened(stack_trace, MAX_TRACE_CHARACTERS)


class ServerFullError(LimitError):
    """A session for which there is no room now: others have to end first.

    Another server may have room. A session that no server of this configuration has room for is
    refused with a plain `LimitError`.
    """


class SharedMemoryError(LimitError):
    """An item or link that does not fit into the shared memory of the session or the machine.

    Attributes:
        detail: the message, without the node.
    """

    details: ClassVar[tuple[str, ...]] = ("detail",)

    def __init__(self, detail: str, *, node_id: str = "") -> None:
        super().__init__(detail, node_id=node_id)
        self.detail = detail

    def at(self, node_id: str) -> "SharedMemoryError":
        """Return the same error with its node."""
        return SharedMemoryError(self.detail, node_id=node_id)


class MemoryLimitError(LimitError):
    """A node process that needed more memory than the session's limit allows.

    Attributes:
        limit_bytes: the limit.
    """

    details: ClassVar[tuple[str, ...]] = ("limit_bytes",)

    def __init__(self, node_id: str, limit_bytes: int, how: str, stack_trace: str = "") -> None:
        super().__init__(
            f"memory limit of {limit_bytes} bytes exceeded: {how}",
            node_id=node_id,
            stack_trace=stack_trace,
        )
        self.limit_bytes = limit_bytes


class AuthenticationError(CallerError):
    """A call without a valid token."""

    error_type = ErrorType.AUTHENTICATION


class VersionMismatchError(CallerError):
    """A request for a protocol version or a feature that the server does not have."""

    error_type = ErrorType.VERSION_MISMATCH


class SessionClosedError(CallerError):
    """A chunk for a session whose input is closed."""


class PipelineError(OperationalError):
    """A pipeline that could not be started, or that failed while it ran."""


class SessionKilledError(PipelineError):
    """The operator ended the session."""

    def __init__(self, reason: str = "") -> None:
        because = f": {reason}" if reason else ""
        super().__init__(f"the operator of the server ended this session{because}")


class ShutdownError(OperationalError):
    """The end of a session because its server shuts down. Another server may take the work."""


class NodeError(ShownWithNode, PipelineError):
    """A node that failed, which ends its session.

    Attributes:
        message: the text, without the node.
    """

    error_type = ErrorType.NODE_EXECUTION
    details: ClassVar[tuple[str, ...]] = ("message",)

    def __init__(self, node_id: str, message: str, *, stack_trace: str = "") -> None:
        self.message = shortened(message, _MAX_MESSAGE_CHARACTERS)
        super().__init__(f"node {node_id!r}: {self.message}")
        self.node_id = node_id
        self.stack_trace = shortened(stack_trace, MAX_TRACE_CHARACTERS)


class HookError(NodeError):
    """An exception that a hook of an actor raised.

    Attributes:
        hook: "initialize", "process", "flush" or "cleanup"; "__init__" if the actor could not be
            created.
        exception_type: the name of the exception's class.
        detail: the exception's own text.
    """

    details: ClassVar[tuple[str, ...]] = ("message", "hook", "exception_type", "detail")

    def __init__(
        self, node_id: str, hook: str, exception_type: str, detail: str, stack_trace: str = ""
    ) -> None:
        shown = f"{exception_type}: {detail}" if detail else exception_type
        super().__init__(node_id, f"{hook}() raised {shown}", stack_trace=stack_trace)
        self.hook = hook
        self.exception_type = exception_type
        self.detail = shortened(detail, MAX_DETAIL_CHARACTERS)

    @classmethod
    def of(cls, node_id: str, hook: str, error: BaseException, *, on_asyncio: bool = False) -> Self:
        """Return the error for an exception that `hook` raised, on trio or on asyncio."""
        text = text_of(error)
        if not on_asyncio and _NEEDS_ASYNCIO.search(text):
            text += (
                '; hooks run on trio: declare the class with loop="asyncio", as in '
                'class MyNode(Actor[Params], loop="asyncio"), and they run on asyncio'
            )
        elif on_asyncio and _NEEDS_TRIO.search(text):
            text += (
                "; hooks of this class run on asyncio: call asyncio.sleep() and libraries that "
                'support asyncio, or declare the class without loop="asyncio"'
            )
        return cls(node_id, hook, type(error).__name__, text, trace_of(error))


class KindError(NodeError):
    """A node that received an item of a kind that it does not take."""

    error_type = ErrorType.TYPE_VALIDATION


class InitTimeoutError(NodeError):
    """A node that was not ready in time. `alternative` is what to do instead of waiting longer."""

    def __init__(
        self, node_id: str, seconds: float, stack_trace: str = "", *, alternative: str = "load less"
    ) -> None:
        message = (
            f"not ready after {seconds:g} s; raise metadata.multiprocess.init_timeout_secs, or "
            f"{alternative}"
        )
        super().__init__(node_id, message, stack_trace=stack_trace)


class ProcessTimeoutError(NodeError):
    """A node that hangs: in one call of its actor, or with its whole process.

    Its traceback shows where the node was, if that could be found out.
    """


class ProcessExitError(NodeError):
    """A node process that ended before its session asked it to.

    Attributes:
        exit_status: its exit status; None if a signal ended it, or the status is unknown.
        signal_name: the signal that ended it, such as "SIGKILL"; empty if it exited.

    Args:
        hint: a possible cause, added to the text.
    """

    details: ClassVar[tuple[str, ...]] = ("message", "exit_status", "signal_name")

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
            how = "ended, together with the forkserver or template that forked it,"
        else:
            how = f"exited with status {exit_status}"
        message = f"its process {how} while {doing}"
        if hint:
            message += f"; {hint}"
        super().__init__(node_id, message, stack_trace=stack_trace)
        self.exit_status = exit_status
        self.signal_name = signal_name


class SpawnError(NodeError):
    """A node process that could not be started."""


class ExecutorError(NodeError):
    """An executor that failed while it ran a node."""

    error_type = ErrorType.INTERNAL

    @classmethod
    def of(cls, node_id: str, executor: str, error: BaseException) -> Self:
        """Return the error for an exception of an executor that is no error of the runtime."""
        message = f"executor {executor!r} raised {type(error).__name__}: {text_of(error)}"
        return cls(node_id, message, stack_trace=trace_of(error))


class ServerError(OperationalError):
    """A server that did not answer a call as the contract requires."""


class UnreachableError(ServerError):
    """A server that does not answer at its address, or a lost connection to it."""


class InternalError(OperationalError):
    """A defect of the runtime itself; the log has its traceback. Please report it."""


def _bounded(fault: Fault) -> Fault:
    where = shortened(fault.where, _MAX_PLACE_CHARACTERS)
    return Fault(where, shortened(fault.message, MAX_DETAIL_CHARACTERS))


def _list_of(faults: tuple[Fault, ...]) -> str:
    if len(faults) == 1:
        return str(faults[0])
    return f"{len(faults)} faults:\n" + "\n".join(f"  {fault}" for fault in faults)
