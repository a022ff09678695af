"""One error of every class of the tree, with everything that it can carry."""

from typing import Final

from runtime import errors
from runtime.errors import Fault, MillraceError

EVERY_ERROR: Final[list[MillraceError]] = [
    errors.MillraceError("text"),
    errors.CallerError("text"),
    errors.OperationalError("text"),
    errors.ManifestError([Fault("where", "what"), Fault("", "more")]),
    errors.ConfigError([Fault("where", "what")]),
    errors.InputError("text", node_id="n"),
    errors.InputKindError("text", node_id="n"),
    errors.UnknownNodeError("text"),
    errors.LimitError("text", node_id="n", stack_trace="trace"),
    errors.ServerFullError("text"),
    errors.ShutdownError("text"),
    errors.SharedMemoryError("text", node_id="n"),
    errors.MemoryLimitError("n", 1024, "how", "trace"),
    errors.AuthenticationError("text"),
    errors.VersionMismatchError("text"),
    errors.SessionClosedError("text"),
    errors.PipelineError("text"),
    errors.SessionKilledError("reason"),
    errors.NodeError("n", "text", stack_trace="trace"),
    errors.KindError("n", "text"),
    errors.HookError("n", "flush", "ValueError", "text", "trace"),
    errors.InitTimeoutError("n", 3),
    errors.ProcessExitError("n", "running", exit_status=3, stack_trace="trace"),
    errors.ProcessTimeoutError("n", "text", stack_trace="where"),
    errors.SpawnError("n", "text"),
    errors.ExecutorError("n", "text", stack_trace="trace"),
    errors.ServerError("text"),
    errors.UnreachableError("text"),
    errors.InternalError("text"),
]
