"""Errors to messages of the contract, and back to the same classes of the tree.

The contract has a number for the class of an error. `context`, which it leaves to the server, says
which error it is and what is known of it, as JSON: `{"error": "ProcessExitError", "signal_name":
"SIGKILL"}`, or `{"error": "ManifestError", "faults": [{"where": ..., "message": ...}]}`.
"""

from typing import Final

import msgspec

from ... import errors
from ...errors import Fault, MillraceError
from .. import ErrorResponse, ErrorType

_CLASSES: Final[dict[type[MillraceError], tuple[str, ...]]] = {
    errors.MillraceError: (),
    errors.CallerError: (),
    errors.ManifestError: ("faults",),
    errors.ConfigError: ("faults",),
    errors.InputError: (),
    errors.UnknownNodeError: (),
    errors.LimitError: (),
    errors.SharedMemoryError: ("detail",),
    errors.MemoryLimitError: ("limit_bytes",),
    errors.AuthenticationError: (),
    errors.VersionMismatchError: (),
    errors.SessionClosedError: (),
    errors.PipelineError: (),
    errors.NodeError: ("message",),
    errors.HookError: ("message", "hook", "exception_type", "detail"),
    errors.KindError: ("message",),
    errors.InitTimeoutError: ("message",),
    errors.ProcessExitError: ("message", "exit_status", "signal_name"),
    errors.SpawnError: ("message",),
    errors.ServerError: (),
    errors.UnreachableError: (),
}
"""Every class that travels, and what it has beside its text."""

# What an error is taken for that only says its number.
_BY_NUMBER: Final[dict[int, type[MillraceError]]] = {
    errors.ErrorType.UNSPECIFIED: errors.PipelineError,
    errors.ErrorType.VALIDATION: errors.CallerError,
    errors.ErrorType.NODE_EXECUTION: errors.NodeError,
    errors.ErrorType.RESOURCE_LIMIT: errors.LimitError,
    errors.ErrorType.AUTHENTICATION: errors.AuthenticationError,
    errors.ErrorType.VERSION_MISMATCH: errors.VersionMismatchError,
    errors.ErrorType.INTERNAL: errors.PipelineError,
    errors.ErrorType.TYPE_VALIDATION: errors.InputError,
}
_BY_NAME: Final = {kind.__name__: kind for kind in _CLASSES}


class _Context(msgspec.Struct, omit_defaults=True):
    error: str = ""
    faults: tuple[Fault, ...] = ()
    message: str = ""
    hook: str = ""
    exception_type: str = ""
    detail: str = ""
    exit_status: int | None = None
    signal_name: str = ""
    limit_bytes: int = 0


def error_message(error: MillraceError, *, traces: bool = True) -> ErrorResponse:
    """Return the message that says an error.

    Args:
        error: any of ours.
        traces: whether a node's own traceback is told.
    """
    kind = next(each for each in type(error).__mro__ if each in _CLASSES)
    context = _Context(kind.__name__, **{name: getattr(error, name) for name in _CLASSES[kind]})
    return ErrorResponse(
        error_type=ErrorType(error.error_type),
        message=str(error),
        failing_node_id=error.node_id,
        context=msgspec.json.encode(context).decode(),
        stack_trace=error.stack_trace if traces else "",
    )


def error_of(message: ErrorResponse) -> MillraceError:
    """Return the error that a message says: of its very class where the context has it.

    A server that says nothing in `context`, or something of its own, is understood by the number.
    """
    context = _context_of(message.context)
    kind = _BY_NAME.get(context.error)
    if kind is None or int(kind.error_type) != int(message.error_type):
        kind = _BY_NUMBER.get(message.error_type, errors.PipelineError)
        context = _Context(
            message=message.message.removeprefix(f"node {message.failing_node_id!r}: ")
        )
    # Without its constructor, which would put together a text that is already here.
    error = kind.__new__(kind)
    error.args = (message.message,)
    error.node_id = message.failing_node_id
    error.stack_trace = message.stack_trace
    for name in _CLASSES[kind]:
        setattr(error, name, getattr(context, name))
    return error


def _context_of(text: str) -> _Context:
    try:
        return msgspec.json.decode(text, type=_Context)
    except (msgspec.MsgspecError, UnicodeError):
        return _Context()
