"""[executors.NAME]: which executors are in use, and what the operator sets for them."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio

from actors import Text
from runtime import ConfigError, ManifestError, PipelineError, RuntimeConfig, open_runtime
from runtime.config import ExecutorSettings, parse_config, setting
from runtime.executors import (
    Executor,
    ExecutorFactory,
    NativeExecutor,
    open_native_executor,
)
from runtime.plan import setting_entries
from tests.conftest import SPECIMENS
from tests.session.pipelines import chain, run_through

MODULE = """
from contextlib import asynccontextmanager
from runtime.config import ExecutorSettings, setting
from runtime.executors import ExecutorFactory, NativeExecutor

class SlotSettings(ExecutorSettings):
    slots: int = setting(1, "nodes at once", ge=1, le=64)

opened = []

@asynccontextmanager
async def open_slots(config, settings):
    opened.append(settings)
    yield NativeExecutor()

slots = ExecutorFactory(open=open_slots, uses_processes=False, settings=SlotSettings)
"""


Opening = AbstractAsyncContextManager[NativeExecutor]


class SlotSettings(ExecutorSettings):
    """Settings of a test's executor."""

    slots: int = setting(1, "nodes at once", ge=1, le=64)


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that offers the executor "slots"."""
    (tmp_path / "millrace_slots.py").write_text(MODULE)
    info = tmp_path / "millrace_slots-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: millrace-slots\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[millrace.executors]\nslots = millrace_slots:slots\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "millrace_slots", raising=False)


def keeping(seen: list[ExecutorSettings]) -> ExecutorFactory:
    """Return an executor that keeps the settings which it is opened with."""

    @asynccontextmanager
    async def open_it(
        _config: RuntimeConfig, settings: ExecutorSettings
    ) -> AsyncIterator[NativeExecutor]:
        seen.append(settings)
        yield NativeExecutor()

    return ExecutorFactory(open=open_it, uses_processes=False, settings=SlotSettings)


@pytest.mark.usefixtures("distribution")
async def test_an_installed_executor_gets_its_table_in_the_class_that_it_declares() -> None:
    config = parse_config("[executors.slots]\nenabled = true\nslots = 3\n")
    async with open_runtime(config, node_types=SPECIMENS) as runtime:
        assert "millrace_slots" not in sys.modules
        assert await run_through(runtime, chain("PassThrough", ["slots"]), [Text("x")])
    (given,) = sys.modules["millrace_slots"].opened
    assert (type(given).__name__, given.enabled, given.slots) == ("SlotSettings", True, 3)
    assert given.origin("slots").name == "runtime.toml"


@pytest.mark.usefixtures("distribution")
@pytest.mark.parametrize("text", ["", "[executors.slots]\nslots = 3\n"])
async def test_an_installed_executor_that_is_not_enabled_is_neither_imported_nor_used(
    text: str,
) -> None:
    async with open_runtime(parse_config(text), node_types=SPECIMENS) as runtime:
        await runtime.warm()
        with pytest.raises(ManifestError, match=r"set executors.slots.enabled = true"):
            runtime.plan(chain("PassThrough", ["slots"]))
    assert "millrace_slots" not in sys.modules


@pytest.mark.usefixtures("distribution")
async def test_a_rule_towards_a_disabled_executor_is_an_error_at_the_start() -> None:
    config = parse_config("[routing]\ndefault_executor = 'slots'\n")
    with pytest.raises(ConfigError, match=r"routing.default_executor: executor \"slots\" is off"):
        async with open_runtime(config):
            pass


@pytest.mark.usefixtures("distribution")
@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("slots = 65", "runtime.toml: executors.slots.slots: got 65; expected an integer from 1"),
        ("slts = 1", 'executors.slots.slts: unknown key; did you mean "slots"?'),
        ("slots = {a = 1}", "executors.slots.slots: got"),
    ],
)
async def test_a_wrong_value_fails_only_the_sessions_that_need_the_executor(
    table: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = parse_config(f"[executors.slots]\nenabled = true\n{table}\n")
    async with open_runtime(config, node_types=SPECIMENS) as runtime:
        with caplog.at_level(logging.ERROR):
            await runtime.warm()
        assert fault in caplog.text
        with pytest.raises(ConfigError) as caught:
            await run_through(runtime, chain("PassThrough", ["slots"]), [Text("x")])
        assert fault in str(caught.value)
        assert await run_through(runtime, chain("PassThrough", ["native"]), [Text("x")])


@pytest.mark.usefixtures("distribution")
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("slotz", 'executors.slotz: no executor "slotz" is installed; did you mean "slots"?'),
        ("raay", 'executors.raay: no executor "raay" is installed; did you mean'),
        ("native", "executors.native: is always enabled, and has no settings here"),
    ],
)
async def test_a_table_of_an_executor_that_does_not_exist_is_an_error_with_a_suggestion(
    name: str, fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        async with open_runtime(parse_config(f"[executors.{name}]\nenabled = true\n")):
            pass
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[executors]\nslots = 3", "runtime.toml:2: executors.slots: got 3; expected an object"),
        ("[executors.slots]\nenabled = 3", "runtime.toml:2: executors.slots.enabled: got 3"),
        ("[executors.ray]\nenabld = true", 'executors.ray.enabld: unknown key; did you mean "ena'),
    ],
)
def test_what_can_be_checked_is_checked_when_the_file_is_read(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert fault in str(caught.value)


async def test_an_executor_of_the_application_is_in_use_unless_the_operator_disables_it() -> None:
    seen: list[ExecutorSettings] = []
    pipeline = chain("PassThrough", ["own"])
    for text in ("", "[executors.own]\nslots = 4\n"):
        config = parse_config(text)
        async with open_runtime(
            config, node_types=SPECIMENS, executors={"own": keeping(seen)}
        ) as runtime:
            assert await run_through(runtime, pipeline, [Text("x")])
    assert seen == [SlotSettings(), SlotSettings(slots=4)]
    config = parse_config("[executors.own]\nenabled = false\n")
    async with open_runtime(
        config, node_types=SPECIMENS, executors={"own": keeping(seen)}
    ) as runtime:
        with pytest.raises(ManifestError, match="is off"):
            runtime.plan(pipeline)


async def test_an_enabled_executor_that_fails_to_open_does_not_stop_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def open_it(_config: RuntimeConfig, _settings: ExecutorSettings) -> Opening:
        raise OSError("no such device")

    factory = ExecutorFactory(open=open_it, uses_processes=False)
    async with open_runtime(
        RuntimeConfig(), node_types=SPECIMENS, executors={"own": factory}
    ) as runtime:
        await runtime.warm()
        assert "executor own is not available" in caplog.text
        assert "no such device" in caplog.text
        assert await run_through(runtime, chain("PassThrough", ["native"]), [Text("x")])
        with pytest.raises(PipelineError, match="'own' cannot be opened: OSError: no such device"):
            await run_through(runtime, chain("PassThrough", ["own"]), [Text("x")])


@asynccontextmanager
async def never_open(
    _config: RuntimeConfig, _settings: ExecutorSettings
) -> AsyncIterator[Executor]:
    await trio.Event().wait()
    yield NativeExecutor()


async def test_an_executor_that_does_not_open_holds_up_no_other(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.session.open_executors._START_SECONDS", 0.1)
    executors = {"own": ExecutorFactory(open=never_open, uses_processes=False)}
    async with open_runtime(RuntimeConfig(), node_types=SPECIMENS, executors=executors) as runtime:
        await runtime.warm()
        assert "executor own is still being opened" in caplog.text
        with trio.fail_after(20):
            assert await run_through(runtime, chain("PassThrough", ["native"]), [Text("x")])
            assert await run_through(runtime, chain("PassThrough", ["multiprocess"]), [Text("x")])


async def test_whoever_waits_for_an_executor_gets_the_error_of_the_one_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.session.open_executors._OPEN_SECONDS", 0.5)
    executors = {"own": ExecutorFactory(open=never_open, uses_processes=False)}
    async with open_runtime(RuntimeConfig(), node_types=SPECIMENS, executors=executors) as runtime:

        async def run() -> None:
            with pytest.raises(PipelineError, match="'own' is not open after 0.5 s"):
                await run_through(runtime, chain("PassThrough", ["own"]), [Text("x")])

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(run)


async def test_native_that_fails_to_open_does_stop_the_start() -> None:
    def open_it(_config: RuntimeConfig, _settings: ExecutorSettings) -> Opening:
        raise OSError("no descriptors")

    factory = ExecutorFactory(open=open_it, uses_processes=False)
    async with open_runtime(RuntimeConfig(), executors={"native": factory}) as runtime:
        with pytest.raises(PipelineError, match="no descriptors"):
            await runtime.warm()


def test_the_list_of_settings_has_those_of_every_executor() -> None:
    config = parse_config("[executors.slots]\nenabled = true\nslots = 3\n")
    found = {each.key: (each.value, each.source) for each in setting_entries(config)}
    assert found["executors.ray.enabled"] == (False, "default")
    assert found["executors.slots.enabled"] == (True, "runtime.toml")
    assert found["executors.slots.slots"] == (3, "runtime.toml")


async def test_a_factory_without_settings_takes_none_but_enabled() -> None:
    factory = ExecutorFactory(open=open_native_executor, uses_processes=False)
    config = parse_config("[executors.own]\nslots = 3\n")
    async with open_runtime(config, node_types=SPECIMENS, executors={"own": factory}) as runtime:
        with pytest.raises(ConfigError, match="unknown key; known keys: enabled"):
            await run_through(runtime, chain("PassThrough", ["own"]), [Text("x")])
