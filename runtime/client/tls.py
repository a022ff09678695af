"""TLS contexts for clients."""

import os
import ssl

from ..errors import CallerError

_Path = str | os.PathLike[str]


def client_tls(
    ca: _Path | None = None, *, certificate: _Path | None = None, key: _Path | None = None
) -> ssl.SSLContext:
    """Return a context for `connect(tls=...)`.

    Args:
        ca: a PEM file with the certificate authorities that can sign the server's certificate; None
            means those of this machine.
        certificate: a PEM file with the client's certificate, for a server that requires one.
        key: a PEM file with its key; None means that the certificate's file has it.

    Raises:
        CallerError: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # HTTP/2 forbids others, RFC 9113, 9.2.2
    context.set_alpn_protocols(["h2"])
    try:
        if ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca)
    except OSError as error:
        raise _unusable(f"{ca}", error) from error
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            named = f"{certificate}" if key is None else f"{certificate} with {key}"
            raise _unusable(named, error) from error
    elif key is not None:
        raise CallerError(f"{key}: a key without a certificate; give the certificate too")
    return context


def _unusable(what: str, error: OSError) -> CallerError:
    # ssl.SSLError is an OSError too, but its strerror is empty.
    reason = str(error) if isinstance(error, ssl.SSLError) else error.strerror or str(error)
    return CallerError(f"{what}: cannot be used for TLS: {reason}")
