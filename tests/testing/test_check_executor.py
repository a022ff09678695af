"""The test kit for executors finds what is wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runtime import RuntimeConfig
from runtime.config import ExecutorSettings
from runtime.execution import NodeStatistics
from runtime.executors import ExecutorFactory, NativeExecutor, NodeTask
from runtime.testing.executors import check_executor
from runtime.testing.executors.check import CHECKS


class Forgetful(NativeExecutor):
    """Loses the statistics of its nodes."""

    async def run(self, task: NodeTask) -> None:
        """Run one node."""
        await super().run(task)
        task.statistics = NodeStatistics()


@asynccontextmanager
async def open_forgetful(
    _config: RuntimeConfig, _settings: ExecutorSettings
) -> AsyncIterator[Forgetful]:
    yield Forgetful()


FORGETFUL = ExecutorFactory(open=open_forgetful, uses_processes=False)
KEPT = ("statistics_count_what_passed", "items_keep_their_order")
OTHERS = [check.__name__ for check in CHECKS if check.__name__ not in KEPT]


def test_rules_that_an_executor_breaks_are_named_and_no_others() -> None:
    with pytest.raises(AssertionError) as caught:
        check_executor(FORGETFUL, name="forgetful", without=OTHERS)
    message = str(caught.value)
    assert message.startswith("the executor 'forgetful' breaks 1 rules:")
    assert "- statistics_count_what_passed: Broken: n0 counts (0, 0)" in message


def test_a_check_that_does_not_exist_cannot_be_left_out() -> None:
    with pytest.raises(ValueError, match="no check is called 'order'"):
        check_executor(FORGETFUL, without=["order"])
