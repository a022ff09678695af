"""The operator's settings, from runtime.toml."""

from .effective import Effective, Setting, Source, effective_settings, refused_settings
from .listing import Listed, listed_settings
from .load import load_config, parse_config
from .resource_limits import ResourceLimits
from .server import Server, ServerAccess, ServerAddress, server_access
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
    "CatalogueSources",
    "Effective",
    "Files",
    "Limits",
    "Listed",
    "Log",
    "Multiprocess",
    "Pattern",
    "ResourceLimits",
    "Routing",
    "RuntimeConfig",
    "Server",
    "ServerAccess",
    "ServerAddress",
    "Setting",
    "Source",
    "effective_settings",
    "listed_settings",
    "load_config",
    "parse_config",
    "refused_settings",
    "server_access",
]
