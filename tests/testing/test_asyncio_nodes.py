"""Nodes whose hooks run on asyncio, in both executors."""

import logging
import re
import threading
from contextlib import contextmanager

import pytest
import trio

from actors import Actor, CancelSpeculation, Control, DefinitionError, Params, Text
from actors.testing import ContractError
from runtime import HookError, ProcessTimeoutError

from . import asyncio_subjects as subjects


def texts(items):
    return [item.text for item in items if isinstance(item, Text)]


@contextmanager
def heard_soon(message):
    """Give a threading.Event that is set when a line with this message is logged."""
    heard = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record):
            if record.getMessage() == message:
                heard.set()

    listener = Listener()
    logging.getLogger().addHandler(listener)
    try:
        yield heard
    finally:
        logging.getLogger().removeHandler(listener)


@pytest.mark.executors
def test_hooks_use_asyncio_in_one_task(run_actor):
    with run_actor(subjects.Vendor) as run:
        assert texts(run.feed(Text("a b"), Text("c"))) == ["A", "B", "C"]
        assert texts(run.end()) == ["END"]


@pytest.mark.executors
def test_plain_hooks_and_generators_run_inside_the_loop(run_actor):
    with run_actor(subjects.Plain) as run:
        assert texts(run.feed(Text("a"))) == ["a", "a"]


@pytest.mark.executors
def test_a_barge_in_cancels_the_call_where_it_awaits(run_actor):
    with run_actor(subjects.Speaker) as run:
        run.feed(Text("hello"), timestamp_ms=10)
        run.send(Text("talk forever and ever"), timestamp_ms=100)
        run.send(Control(CancelSpeculation(0, 150)))
        assert texts(run.feed(Text("yes?"), timestamp_ms=200))[-1] == "yes?"
        assert "ever" not in texts(output.data for output in run.outputs)
        assert texts(run.end())[-1] in ("cancelled control", "control")


@pytest.mark.executors
def test_an_error_names_the_node_and_has_the_traceback(run_actor):
    with (
        pytest.raises(HookError, match="node 'node'.*Task got bad yield.*run on asyncio") as caught,
        run_actor(subjects.Waiting, params={"what": "trio"}) as run,
    ):
        run.feed(Text("a"))
    assert "await trio.sleep(1)" in caught.value.stack_trace


@pytest.mark.executors
@pytest.mark.parametrize("what", ["wait", "swallow"])
def test_a_session_that_is_left_cancels_the_call_and_cleans_up_on_asyncio(run_actor, caplog, what):
    with (
        run_actor(subjects.Waiting, params={"what": what}) as run,
        heard_soon("processing") as begun,
    ):
        run.send(Text("a"))
        assert begun.wait(60)
    heard = [record.getMessage() for record in caplog.records]
    assert [each for each in heard if each in ("processing", "never mind", "cleaned up")] == [
        "processing",
        *(["never mind"] * 2 if what == "swallow" else []),
        "cleaned up",
    ]


def test_asyncio_has_the_virtual_time_of_the_test(run_actor):
    with run_actor(subjects.Waiting, params={"what": "sleep"}, virtual_time=True) as run:
        run.send(Text("a"))
        assert run.advance(59) == []
        assert texts(run.advance(2)) == ["a"]


def test_what_nobody_awaits_is_logged_with_the_node(run_actor, caplog):
    with run_actor(subjects.Waiting, params={"what": "fail"}) as run:
        run.feed(Text("a"))
    (record,) = [each for each in caplog.records if "never retrieved" in each.getMessage()]
    assert (record.node, record.exc_info[1].args) == ("node", ("nobody awaits this",))


def test_tasks_that_outlive_cleanup_are_cancelled_and_named(run_actor, caplog):
    with run_actor(subjects.Waiting, params={"what": "forget"}) as run:
        run.feed(Text("a"))
        run.end()
    (record,) = [each for each in caplog.records if "still running" in each.getMessage()]
    assert "after cleanup(): forgotten; cancel" in record.getMessage()


async def test_it_runs_in_the_loop_of_a_test_on_trio(run_actor):
    async with run_actor(subjects.Vendor) as run:
        assert texts(await run.feed(Text("a b"))) == ["A", "B"]
        with trio.move_on_after(0):
            await run.feed(Text("c"))
        assert texts(await run.end())[-1] == "END"


@pytest.mark.parametrize(
    "actor",
    [subjects.Vendor, subjects.Plain, subjects.Speaker, subjects.Ticker, subjects.Counter],
)
def test_an_honest_actor_on_asyncio_passes_the_check(check_actor, actor):
    check_actor(actor, samples=[] if actor.is_source else [Text("a b")])


@pytest.mark.parametrize(
    ("actor", "check", "words"),
    [
        (subjects.Swallows, "cancellation", "it catches asyncio.CancelledError"),
        (subjects.LeavesTask, "asyncio-tasks", "that the actor started: keepalive; cancel"),
    ],
)
def test_a_faulty_actor_on_asyncio_gets_its_violation(check_actor, actor, check, words):
    with pytest.raises(ContractError) as caught:
        check_actor(actor, samples=[Text("a")])
    messages = [each.message for each in caught.value.violations if each.check == check]
    assert any(re.search(words, message) for message in messages), str(caught.value)


@pytest.mark.executors
def test_a_call_that_holds_the_loop_is_ended(run_actor):
    with pytest.raises(ProcessTimeoutError) as caught, run_actor(subjects.Holding) as run:
        run.feed(Text("a"))
    assert "asyncio_subjects.py" in caught.value.stack_trace


@pytest.mark.executors
def test_a_call_that_waits_for_too_long_is_ended(run_actor):
    with pytest.raises(ProcessTimeoutError) as caught, run_actor(subjects.Hanging) as run:
        run.feed(Text("a"))
    assert "in process" in caught.value.stack_trace


@pytest.mark.executors
def test_a_batch_is_processed_on_asyncio(run_actor):
    with run_actor(subjects.Batched) as run:
        run.send(Text("a"), Text("b"), Text("c"), Text("d"))
        assert texts(run.end()) == ["abc", "d"]


def test_background_tasks_and_intervals_run_on_asyncio_in_virtual_time(run_actor):
    with run_actor(subjects.Ticker, virtual_time=True) as run:
        assert texts(run.feed(Text("a"))) == ["a: wait", "a"]
        assert run.advance(0.5) == []
        assert texts(run.advance(1)) == ["answer"]
        assert texts(run.advance(9)) == ["interval"]


@pytest.mark.executors
def test_a_source_generates_on_asyncio(run_actor):
    with run_actor(subjects.Counter) as run:
        run.end()
        assert texts(output.data for output in run.outputs) == ["0", "1", "2"]


@pytest.mark.executors
def test_a_failing_background_task_ends_the_session_with_its_name(run_actor):
    message = "_fail.* raised ValueError: no luck"
    with pytest.raises(HookError, match=message), run_actor(subjects.FailingTask) as run:
        run.feed(Text("a"))
        run.end()


def test_a_plain_generate_is_refused_on_asyncio():
    with pytest.raises(DefinitionError, match="generate: expected an async def"):

        class Other(Actor[Params], loop="asyncio"):
            """Block the loop."""

            produces = subjects.TEXT

            def generate(self):
                yield Text("a")


def test_a_subclass_has_the_loop_of_its_base():
    class Other(subjects.Vendor):
        """Nothing more."""

    assert (Actor.loop, subjects.Vendor.loop, Other.loop) == ("trio", "asyncio", "asyncio")


def test_a_loop_that_there_is_not_is_refused():
    with pytest.raises(DefinitionError, match='got "?\'curio\'"?; expected "trio" or "asyncio"'):

        class Other(Actor[Params], loop="curio"):  # type: ignore[arg-type]
            """Wrong."""


def test_a_loop_and_a_thread_are_refused():
    with pytest.raises(DefinitionError, match="runs_in_thread: .*asyncio.to_thread"):

        class Other(Actor[Params], loop="asyncio"):
            """Contradictory."""

            runs_in_thread = True
