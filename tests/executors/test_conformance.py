"""Every executor fulfils the same list of rules. Another one is one more line here."""

import pytest

from runtime import RuntimeConfig
from runtime.config import Executors, SharedSettings
from runtime.executors import ExecutorFactory
from runtime.testing.executors import BATCHED_TYPES, check_executor

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
