"""How a session ended, for its log: an outcome, one reason, and the node that failed."""

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from ..errors import (
    CallerError,
    ExecutorError,
    InitTimeoutError,
    LimitError,
    MemoryLimitError,
    MillraceError,
    NodeError,
    ProcessExitError,
    ProcessTimeoutError,
    SessionKilledError,
    SharedMemoryError,
    SpawnError,
    sole_error,
)


class EndReason(StrEnum):
    """Why a session ended, in one word for the log."""

    COMPLETED = "completed"
    """Every input was processed: of one call, or of an application."""
    CLIENT_CLOSE = "client_close"
    """The client sent CLOSE, and everything was flushed."""
    HALF_CLOSE = "half_close"
    """The client ended its side of the stream, and everything was flushed."""
    CLIENT_CANCEL = "client_cancel"
    """The client sent CANCEL."""
    CLIENT_RESET = "client_reset"
    """The client cancelled the call."""
    DISCONNECTED = "disconnected"
    """The connection to the client was lost."""
    DEADLINE = "deadline"
    """The client's deadline passed."""
    SERVER_STOP = "server_stop"
    """The server was stopped, and the session had not ended in time."""
    KILLED = "killed"
    """The operator ended it."""
    OWNER_LEFT = "owner_left"
    """The application left the block of the session."""
    INVALID_INPUT = "invalid_input"
    """The client sent what is not valid."""
    NODE_ERROR = "node_error"
    """A node raised an exception, or broke the contract of actors."""
    PROCESS_EXIT = "process_exit"
    """A node process exited, or was killed by a signal."""
    SPAWN = "spawn"
    """A node process could not be started."""
    INIT_TIMEOUT = "init_timeout"
    """A node was not ready in time."""
    PROCESS_TIMEOUT = "process_timeout"
    """A node process hung."""
    MEMORY_LIMIT = "memory_limit"
    """A node process needed more memory than allowed."""
    SHARED_MEMORY = "shared_memory"
    """An item did not fit into the shared memory."""
    LIMIT = "limit"
    """Another limit was reached, such as that of time or of samples."""
    WORKER_EXIT = "worker_exit"
    """The worker that ran it was killed, or has crashed."""
    EXECUTOR_ERROR = "executor_error"
    """An executor failed."""
    INTERNAL_ERROR = "internal_error"
    """A defect of the runtime."""


# The first class that an error is an instance of decides.
_REASONS: Final = (
    (SessionKilledError, EndReason.KILLED),
    (InitTimeoutError, EndReason.INIT_TIMEOUT),
    (ProcessTimeoutError, EndReason.PROCESS_TIMEOUT),
    (ProcessExitError, EndReason.PROCESS_EXIT),
    (SpawnError, EndReason.SPAWN),
    (ExecutorError, EndReason.EXECUTOR_ERROR),
    (NodeError, EndReason.NODE_ERROR),
    (MemoryLimitError, EndReason.MEMORY_LIMIT),
    (SharedMemoryError, EndReason.SHARED_MEMORY),
    (LimitError, EndReason.LIMIT),
    (CallerError, EndReason.INVALID_INPUT),
)


def as_known(reason: EndReason) -> EndReason:
    """Return the reason as the session itself knows it: its owner knows no more."""
    return reason


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended.

    Attributes:
        outcome: "completed", "failed" or "cancelled".
        reason: why.
        node_id: the node that failed; empty for none.
        error: the class of the error; empty for none.
        detail: the error's text; empty for none.
    """

    outcome: str
    reason: EndReason
    node_id: str = ""
    error: str = ""
    detail: str = ""

    @classmethod
    def of_error(cls, error: MillraceError) -> Self:
        """Return the end of a session that an error has ended."""
        reasons = (reason for kind, reason in _REASONS if isinstance(error, kind))
        reason = next(reasons, EndReason.INTERNAL_ERROR)
        return cls("failed", reason, error.node_id, type(error).__name__, str(error))

    @classmethod
    def of_block(cls) -> "Ending | None":
        """Return the end for the exception that is being handled; None for one of the owner's own.

        Only a caller's error ends a session in this way: an invalid input, or a limit.
        """
        # Not as an argument: a frame that refers to an error that refers to the frame is a cycle.
        error = sys.exception()
        if isinstance(error, BaseExceptionGroup):
            error = sole_error(error)
        return cls.of_error(error) if isinstance(error, CallerError) else None
