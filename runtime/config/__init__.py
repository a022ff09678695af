"""The operator's settings, from runtime.toml. `setting.py` shows how to add one."""

from .collector_headers import tracing_headers
from .executors import (
    Executors,
    ExecutorSettings,
    OutsideSettings,
    RaySettings,
    RemoteSettings,
    SharedSettings,
)
from .http import Http, HttpAccess, http_access
from .load import DEFAULT_NAME, load_config, parse_config
from .media import Media
from .models import Model, model_endpoints
from .overrides import with_environment, with_value
from .remote_hosts import RemoteAccess, RemoteHost, remote_access
from .replicas import new_session_id, random_replica_id, replica_of
from .resource_limits import ResourceLimits
from .secret_variables import secret_variables
from .section import Origin, Section, Source
from .server import (
    DEFAULT_ADDRESS,
    MOST_WORKERS,
    Server,
    ServerAccess,
    ServerAddress,
    server_access,
)
from .setting import Declaration, Rules, declarations, rules_of, section_of_tables, setting
from .settings import (
    LONGEST_INIT_TIMEOUT_SECS,
    MOST_CONNECTIONS,
    MOST_NODES,
    CatalogueSources,
    Files,
    Limits,
    Log,
    Multiprocess,
    Pattern,
    Routing,
    RuntimeConfig,
    Tracing,
)
from .settings import Recording as RecordingSettings
from .tokens import TOKEN_RULE, is_token

__all__ = [
    "DEFAULT_ADDRESS",
    "DEFAULT_NAME",
    "LONGEST_INIT_TIMEOUT_SECS",
    "MOST_CONNECTIONS",
    "MOST_NODES",
    "MOST_WORKERS",
    "TOKEN_RULE",
    "CatalogueSources",
    "Declaration",
    "ExecutorSettings",
    "Executors",
    "Files",
    "Http",
    "HttpAccess",
    "Limits",
    "Log",
    "Model",
    "Media",
    "Multiprocess",
    "Origin",
    "OutsideSettings",
    "Pattern",
    "RaySettings",
    "RemoteAccess",
    "RemoteHost",
    "RemoteSettings",
    "ResourceLimits",
    "Routing",
    "Rules",
    "RecordingSettings",
    "RuntimeConfig",
    "Section",
    "Server",
    "ServerAccess",
    "ServerAddress",
    "SharedSettings",
    "Source",
    "Tracing",
    "declarations",
    "new_session_id",
    "replica_of",
    "http_access",
    "is_token",
    "load_config",
    "model_endpoints",
    "parse_config",
    "random_replica_id",
    "remote_access",
    "rules_of",
    "secret_variables",
    "section_of_tables",
    "server_access",
    "setting",
    "tracing_headers",
    "with_environment",
    "with_value",
]
