"""The libraries of the extra `http` are loaded when a port is opened, and by nobody else."""

import subprocess
import sys

import pytest

from runtime import ConfigError, Runtime
from tests.http.serving import http_port

LIBRARIES = "h11", "hypercorn", "prometheus_client", "starlette", "wsproto"


def test_a_server_without_the_port_loads_none_of_its_libraries() -> None:
    code = (
        "import sys, runtime.http, runtime.service, runtime.metrics;"
        f"print([name for name in {LIBRARIES!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", LIBRARIES)
async def test_without_the_extra_the_error_names_it(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=r"http.enabled.*millrace-runtime\[http\]"):
        async with http_port(runtime):
            pass
