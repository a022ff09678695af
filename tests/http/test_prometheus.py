"""A real Prometheus scrapes the port, with the token and over TLS."""

import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import trio

from actors import Text
from runtime import Runtime
from tests.http.serving import TOKEN, http_port
from tests.service.certificates import make_authority
from tests.session.pipelines import chain

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed"
)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def prometheus(folder: Path, scrape: dict[str, Any]) -> AsyncIterator[str]:
    """Run Prometheus with one target; return its address."""
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
    file = folder / "prometheus.yml"
    await trio.Path(file).write_text(json.dumps(config))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    async with trio.open_nursery() as nursery:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = await nursery.start(partial(trio.run_process, command, check=False, **quiet))
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


def query(address: str, expression: str) -> list[dict[str, Any]]:
    """Return the result of a query; nothing as long as Prometheus is starting."""
    try:
        with urlopen(f"{address}/api/v1/query?query={quote(expression)}", timeout=5) as reply:
            result: list[dict[str, Any]] = json.load(reply)["data"]["result"]
            return result
    except OSError:
        return []


async def queried(address: str, expression: str) -> dict[str, Any]:
    """Return the only result of a query as soon as there is one."""
    with trio.fail_after(60):
        while True:
            found = await trio.to_thread.run_sync(query, address, expression)
            if found:
                assert len(found) == 1
                return found[0]
            await trio.sleep(0.2)


@pytest.mark.parametrize("tls", [False, True])
async def test_prometheus_scrapes_a_running_server(
    runtime: Runtime,
    tmp_path: Path,
    tls: bool,
) -> None:
    settings: dict[str, Any] = {}
    scrape: dict[str, Any] = {"job_name": "millrace", "authorization": {"credentials": TOKEN}}
    if tls:
        authority = make_authority(tmp_path)
        certificate = authority.issue("port")
        settings = {
            "tls_certificate": str(certificate.certificate),
            "tls_key": str(certificate.key),
        }
        scrape |= {"scheme": "https", "tls_config": {"ca_file": str(authority.certificate)}}
    async with (
        http_port(runtime, **settings) as server,
        runtime.open_session(chain("PassThrough", ["multiprocess"])) as session,
    ):
        scrape["static_configs"] = [{"targets": [str(server.address)]}]
        for _ in range(3):
            await session.send(Text("x"))
            await session.receive()
        async with prometheus(tmp_path, scrape) as address:
            assert (await queried(address, "up == 1"))["metric"]["job"] == "millrace"
            sent = await queried(address, "millrace_node_items_sent_total == 3")
            assert sent["metric"]["node_type"] == "PassThrough"
            p99 = "histogram_quantile(0.99, millrace_node_processing_seconds_bucket)"
            assert float((await queried(address, p99))["value"][1]) >= 0
            assert await trio.to_thread.run_sync(query, address, "up == 0") == []
