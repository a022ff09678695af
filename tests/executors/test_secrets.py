"""A node process inherits no secret of the server's environment."""

import os
from pathlib import Path

import pytest

from actors import Actor, Json, Kind, Params
from runtime import open_runtime
from runtime.config import parse_config

CONFIG = """
[models.hosted]
url = "https://example.org/v1"
model = "big"
api_key_variable = "TEST_LLM_KEY"
"""


class Inherited(Actor[Params]):
    """Emits what its process has inherited, as /proc shows it to others too."""

    accepts = frozenset({Kind.JSON})
    produces = frozenset({Kind.JSON})

    def process(self, data: Json) -> Json:
        started = [
            Path(f"/proc/{pid}/environ").read_text(errors="replace")
            for pid in (os.getpid(), os.getppid())
        ]
        arguments = Path("/proc/self/cmdline").read_text(errors="replace")
        return Json([dict(os.environ), started, arguments])


async def test_a_node_process_inherits_no_key_and_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_LLM_KEY", "GRPC_AUTH_TOKENS", "MILLRACE_ADMIN_TOKENS"):
        monkeypatch.setenv(name, "sk-secret")
    monkeypatch.setenv("TEST_OTHER", "visible")
    overrides = {"executor_overrides": {"a": "multiprocess"}}
    manifest = {
        "version": "v1",
        "metadata": {"name": "secrets", "multiprocess": overrides},
        "nodes": [{"id": "a", "node_type": "Inherited"}],
        "connections": [],
    }
    async with (
        open_runtime(parse_config(CONFIG), node_types={"Inherited": Inherited}) as runtime,
        runtime.open_session(manifest) as session,
    ):
        await session.send(Json(None))
        result = await session.receive()
        assert isinstance(result.data, Json)
        assert "visible" in result.data.text
        assert "sk-secret" not in result.data.text
