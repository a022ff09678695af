"""Millrace: a runtime for pipelines of actors.

Example:
    async with open_session("pipeline.json") as session:
        await session.send(Text("hello"))
        await session.close_input()
        async for result in session:
            print(result.node_id, result.data)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .config import ResourceLimits, RuntimeConfig, load_config
    from .errors import (
        AuthenticationError,
        CallerError,
        ConfigError,
        ErrorType,
        ExecutorError,
        Fault,
        HookError,
        InitTimeoutError,
        InputError,
        InputKindError,
        InternalError,
        KindError,
        LimitError,
        ManifestError,
        MemoryLimitError,
        MillraceError,
        NodeError,
        OperationalError,
        PipelineError,
        ProcessExitError,
        ProcessTimeoutError,
        ServerError,
        ServerFullError,
        SessionClosedError,
        SessionKilledError,
        SharedMemoryError,
        ShutdownError,
        SpawnError,
        UnknownNodeError,
        UnreachableError,
        VersionMismatchError,
    )
    from .events import InitProgress, Result
    from .manifest import Manifest, load_manifest, manifest_from, parse_manifest
    from .plan import Plan
    from .session import NodeState, Runtime, Session, SessionState, open_runtime, open_session

# A name is imported when it is first used, so that a command line, a forkserver or a manifest check
# loads no more than it needs.
_HOMES: Final = {
    "AuthenticationError": ".errors",
    "CallerError": ".errors",
    "ConfigError": ".errors",
    "ErrorType": ".errors",
    "ExecutorError": ".errors",
    "Fault": ".errors",
    "HookError": ".errors",
    "InitProgress": ".events",
    "InitTimeoutError": ".errors",
    "InputError": ".errors",
    "InputKindError": ".errors",
    "InternalError": ".errors",
    "KindError": ".errors",
    "LimitError": ".errors",
    "Manifest": ".manifest",
    "ManifestError": ".errors",
    "MemoryLimitError": ".errors",
    "MillraceError": ".errors",
    "NodeError": ".errors",
    "NodeState": ".session",
    "OperationalError": ".errors",
    "PipelineError": ".errors",
    "Plan": ".plan",
    "ProcessExitError": ".errors",
    "ProcessTimeoutError": ".errors",
    "ResourceLimits": ".config",
    "Result": ".events",
    "Runtime": ".session",
    "RuntimeConfig": ".config",
    "ServerError": ".errors",
    "Session": ".session",
    "SessionClosedError": ".errors",
    "SessionKilledError": ".errors",
    "SessionState": ".session",
    "ServerFullError": ".errors",
    "SharedMemoryError": ".errors",
    "ShutdownError": ".errors",
    "SpawnError": ".errors",
    "UnknownNodeError": ".errors",
    "UnreachableError": ".errors",
    "VersionMismatchError": ".errors",
    "load_config": ".config",
    "load_manifest": ".manifest",
    "manifest_from": ".manifest",
    "open_runtime": ".session",
    "open_session": ".session",
    "parse_manifest": ".manifest",
}

__all__ = [
    "AuthenticationError",
    "CallerError",
    "ConfigError",
    "ErrorType",
    "ExecutorError",
    "Fault",
    "HookError",
    "InitProgress",
    "InitTimeoutError",
    "InputError",
    "InputKindError",
    "InternalError",
    "KindError",
    "LimitError",
    "Manifest",
    "ManifestError",
    "MemoryLimitError",
    "MillraceError",
    "NodeError",
    "NodeState",
    "OperationalError",
    "PipelineError",
    "Plan",
    "ProcessExitError",
    "ProcessTimeoutError",
    "ResourceLimits",
    "Result",
    "Runtime",
    "RuntimeConfig",
    "ServerError",
    "Session",
    "ServerFullError",
    "SessionClosedError",
    "SessionKilledError",
    "SessionState",
    "SharedMemoryError",
    "ShutdownError",
    "SpawnError",
    "UnknownNodeError",
    "UnreachableError",
    "VersionMismatchError",
    "load_config",
    "load_manifest",
    "manifest_from",
    "open_runtime",
    "open_session",
    "parse_manifest",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        found: object = getattr(import_module(_HOMES[name], __name__), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
