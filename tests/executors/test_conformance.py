"""Every executor fulfils the same list of rules. Another one is one more line here."""

import pytest

from runtime.executors import ExecutorFactory
from runtime.testing.executors import check_executor

from .behind_socket import BEHIND_SOCKET


@pytest.mark.parametrize(
    ("name", "factory"),
    [("native", None), ("multiprocess", None), ("behind-socket", BEHIND_SOCKET)],
    ids=["native", "multiprocess", "behind a socket"],
)
def test_an_executor_fulfils_the_contract(name: str, factory: ExecutorFactory | None) -> None:
    check_executor(factory, name=name)
