"""TLS of the HTTP port, with its own certificate."""

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from runtime import ConfigError, Runtime
from runtime.http import HttpServer
from tests.http.serving import connect, get, http_port, request
from tests.service.certificates import Authority, Certificate, make_authority


def settings(authority: Authority) -> dict[str, Any]:
    issued = authority.issue("port")
    return {"tls_certificate": str(issued.certificate), "tls_key": str(issued.key)}


async def over_tls(
    server: HttpServer, authority: Authority, own: Certificate | None = None
) -> bytes:
    """Return the response to a request over TLS."""
    context = ssl.create_default_context(cafile=authority.certificate)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    received = b""
    with trio.fail_after(20):
        stream = trio.SSLStream(
            await connect(server), context, server_hostname="127.0.0.1", https_compatible=True
        )
        try:
            await stream.send_all(request("/metrics", "Connection: close"))
            while data := await stream.receive_some():
                received += data
        finally:
            await trio.aclose_forcefully(stream)
    return received


async def test_metrics_come_over_tls_and_not_without(runtime: Runtime, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with http_port(runtime, request_timeout_secs=1, **settings(authority)) as server:
        assert server.uses_tls
        answer = await over_tls(server, authority)
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"millrace_sessions_limit" in answer
        with pytest.raises((trio.BrokenResourceError, IndexError)):
            await get(server, "/livez")
        assert (await over_tls(server, authority)).startswith(b"HTTP/1.1 200")


async def test_a_client_without_a_certificate_is_refused_where_one_is_needed(
    runtime: Runtime, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path)
    client = authority.issue("client")
    mutual = {**settings(authority), "tls_client_ca": str(authority.certificate)}
    async with http_port(runtime, **mutual) as server:
        with suppress(trio.BrokenResourceError):
            assert await over_tls(server, authority) == b""
        assert (await over_tls(server, authority, client)).startswith(b"HTTP/1.1 200")


async def test_a_handshake_that_does_not_come_is_cut_off(runtime: Runtime, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    async with (
        http_port(runtime, request_timeout_secs=0.3, **settings(authority)) as server,
        await connect(server) as stream,
    ):
        with trio.fail_after(20):
            assert await stream.receive_some() == b""


async def test_a_certificate_that_cannot_be_used_is_an_error(runtime: Runtime) -> None:
    with pytest.raises(ConfigError, match="http.tls_key"):
        async with http_port(runtime, tls_certificate="/nowhere"):
            pass
