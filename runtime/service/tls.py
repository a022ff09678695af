"""The TLS context of a server."""

import ssl

from ..config import Http, Server
from ..errors import ConfigError, Fault


def server_tls(
    settings: Server | Http, *, table: str = "server", protocol: str = "h2"
) -> ssl.SSLContext | None:
    """Return the context of the configured certificate; None if there is none.

    Args:
        settings: with the names of the files.
        table: of runtime.toml that has them, for errors.
        protocol: that clients are offered.

    Raises:
        ConfigError: a file cannot be used, or a certificate has no key.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    client_ca = settings.tls_client_ca
    if certificate is None:
        for name, value in (("tls_key", key), ("tls_client_ca", client_ca)):
            if value is not None:
                raise _fault(table, name, f"needs {table}.tls_certificate")
        return None
    if key is None:
        raise _fault(table, "tls_certificate", f"needs {table}.tls_key, the file of its key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # HTTP/2 forbids others, RFC 9113, 9.2.2
    context.set_alpn_protocols([protocol])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        message = f"{certificate} with {key}: {_reason(error)}"
        raise _fault(table, "tls_certificate", message) from error
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise _fault(table, "tls_client_ca", f"{client_ca}: {_reason(error)}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _fault(table: str, key: str, message: str) -> ConfigError:
    return ConfigError([Fault(f"{table}.{key}", message)])
