"""The operator's settings, from runtime.toml."""

from .load import load_config, parse_config
from .resource_limits import ResourceLimits
from .section import Section
from .server import DEFAULT_ADDRESS, Server, ServerAccess, ServerAddress, server_access
from .settings import (
    CatalogueSources,
    Files,
    Limits,
    Log,
    Multiprocess,
    Pattern,
    Routing,
    RuntimeConfig,
)

__all__ = [
    "DEFAULT_ADDRESS",
    "CatalogueSources",
    "Files",
    "Limits",
    "Log",
    "Multiprocess",
    "Pattern",
    "ResourceLimits",
    "Routing",
    "RuntimeConfig",
    "Section",
    "Server",
    "ServerAccess",
    "ServerAddress",
    "load_config",
    "parse_config",
    "server_access",
]
