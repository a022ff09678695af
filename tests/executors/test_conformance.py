"""Every executor fulfils the same list of rules. Another one is one more line here."""

from pathlib import Path

import pytest

from runtime import RuntimeConfig
from runtime.config import Executors, RemoteHost, RemoteSettings, SharedSettings
from runtime.executors import ExecutorFactory
from runtime.testing.executors import BATCHED_TYPES, check_executor, node_types
from tests.service.serve_process import serve_process

from .behind_socket import BEHIND_SOCKET


@pytest.mark.parametrize(
    ("name", "factory"),
    [("native", None), ("multiprocess", None), ("behind-socket", BEHIND_SOCKET)],
    ids=["native", "multiprocess", "behind a socket"],
)
def test_an_executor_fulfils_the_contract(name: str, factory: ExecutorFactory | None) -> None:
    check_executor(factory, name=name)


def test_batched_hosts_fulfil_the_contract() -> None:
    shared = SharedSettings(enabled=True, types=tuple(BATCHED_TYPES.values()))
    config = RuntimeConfig(executors=Executors(shared=shared))
    # The hooks of a host are not those of a session, and a host outlives sessions: its own tests
    # are in test_shared_hosts.
    of_own_processes = [
        "a_source_generates_items",
        "an_error_of_each_hook_names_hook_and_node",
        "a_killed_process_ends_the_session_in_every_phase",
        "a_cancelled_session_leaves_no_process",
    ]
    check_executor(
        None, name="shared", config=config, types=BATCHED_TYPES, without=of_own_processes
    )


def test_nodes_on_another_host_fulfil_the_contract(tmp_path: Path) -> None:
    settings = tmp_path / "runtime.toml"
    lines = [f'{name} = "{target}"' for name, target in node_types().items()]
    settings.write_text("\n".join(["[nodes]", *lines]))
    # A source runs here, and a file of another host is none of this one.
    without = ["a_source_generates_items", "files_are_named_and_not_copied"]
    with serve_process("--config", settings) as server:
        address = f"127.0.0.1:{server.port}"
        host = RemoteHost(address=address)
        remote = RemoteSettings(enabled=True, hosts={"other": host})
        config = RuntimeConfig(executors=Executors(remote=remote))
        check_executor(None, name="remote", config=config, host=address, without=without)
