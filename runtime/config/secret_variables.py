"""The environment variables with secrets."""

from typing import Final

from .settings import RuntimeConfig

# The server's own secrets, beside the keys of endpoints and the tokens for other servers.
_OWN: Final = frozenset(
    {
        "GRPC_AUTH_TOKENS",
        "MILLRACE_ADMIN_TOKENS",
        "MILLRACE_HTTP_TOKENS",
        "MILLRACE_TRACING_HEADERS",
    }
)


def secret_variables(config: RuntimeConfig) -> frozenset[str]:
    """Return the environment variables with secrets, which no node process may inherit."""
    keys = [model.api_key_variable for model in config.models.values()]
    keys += [host.token_variable for host in config.executors.remote.hosts.values()]
    return _OWN.union(key for key in keys if key is not None)
