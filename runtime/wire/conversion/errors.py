"""Conversion of errors to messages of the contract, and back to the same classes.

The contract has a number for the class of an error. `context`, whose form it leaves to the server,
is the rest of the error's record as JSON: `{"error": "ProcessExitError", "signal_name":
"SIGKILL"}`, or `{"error": "ManifestError", "faults": [{"where": ..., "message": ...}]}`.
"""

from typing import Final

import msgspec

from ... import errors
from ...errors import ErrorRecord, MillraceError
from .. import ErrorResponse, ErrorType

# The class of an error of another server, of which only the number is known.
_BY_NUMBER: Final[dict[int, type[MillraceError]]] = {
    errors.ErrorType.UNSPECIFIED: errors.PipelineError,
    errors.ErrorType.VALIDATION: errors.CallerError,
    errors.ErrorType.NODE_EXECUTION: errors.NodeError,
    errors.ErrorType.RESOURCE_LIMIT: errors.LimitError,
    errors.ErrorType.AUTHENTICATION: errors.AuthenticationError,
    errors.ErrorType.VERSION_MISMATCH: errors.VersionMismatchError,
    errors.ErrorType.INTERNAL: errors.PipelineError,
    errors.ErrorType.TYPE_VALIDATION: errors.InputKindError,
}


def error_message(error: MillraceError, *, traces: bool = True) -> ErrorResponse:
    """Return the message for an error.

    Args:
        error: any error of the runtime.
        traces: whether the message includes the node's own traceback.
    """
    record = ErrorRecord.of(error)
    context = msgspec.structs.replace(record, text="", node_id="", stack_trace="")
    return ErrorResponse(
        error_type=ErrorType(error.error_type),
        message=record.text,
        failing_node_id=record.node_id,
        context=msgspec.json.encode(context).decode(),
        stack_trace=record.stack_trace if traces else "",
    )


def error_of(message: ErrorResponse) -> MillraceError:
    """Return the error of a message: of its own class if the context has its record.

    The number decides about an error of a server whose context is empty or has another form.
    """
    record = _record_in(message.context)
    kind = record.error_class
    if kind is None or int(kind.error_type) != int(message.error_type):
        # A node error's `message` is its text without the node.
        own = message.message.removeprefix(f"node {message.failing_node_id!r}: ")
        record = ErrorRecord(message=own)
    record = msgspec.structs.replace(
        record,
        text=message.message,
        node_id=message.failing_node_id,
        stack_trace=message.stack_trace,
    )
    return record.to_error(_BY_NUMBER.get(message.error_type, errors.PipelineError))


def _record_in(context: str) -> ErrorRecord:
    try:
        return msgspec.json.decode(context, type=ErrorRecord)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ErrorRecord()
