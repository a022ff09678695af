"""The test kit for executors finds what is wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runtime import RuntimeConfig
from runtime.config import ExecutorSettings
from runtime.executors import ExecutorFactory, NativeExecutor, NodeTask
from runtime.testing.executors import check_executor
from runtime.testing.executors.check import CHECKS


class Silent(NativeExecutor):
    """Does not report the progress of its nodes."""

    async def run(self, task: NodeTask) -> None:
        """Run one node."""
        task.report = lambda _progress: None
        await super().run(task)


@asynccontextmanager
async def open_silent(_config: RuntimeConfig, _settings: ExecutorSettings) -> AsyncIterator[Silent]:
    yield Silent()


SILENT = ExecutorFactory(open=open_silent, uses_processes=False)
KEPT = ("progress_comes_before_ready", "items_keep_their_order")
OTHERS = [check.__name__ for check in CHECKS if check.__name__ not in KEPT]


def test_rules_that_an_executor_breaks_are_named_and_no_others() -> None:
    with pytest.raises(AssertionError) as caught:
        check_executor(SILENT, name="silent", without=OTHERS)
    message = str(caught.value)
    assert message.startswith("the executor 'silent' breaks 1 rules:")
    assert "- progress_comes_before_ready: Broken: the progress was [" in message


def test_a_check_that_does_not_exist_cannot_be_left_out() -> None:
    with pytest.raises(ValueError, match="no check is called 'order'"):
        check_executor(SILENT, without=["order"])
