import importlib
import re

import numpy as np
import pytest

from actors import Audio, Json, Text
from actors.testing import ContractError
from runtime.catalogue import BUILT_IN
from tests.actors import tiny_models, tiny_speech, tiny_transformers
from tests.media.films import frames, save_film

from . import faulty
from .subjects import Beats, GainNode, Heartbeat, Lines, Pairs, SlowStart

pytestmark = pytest.mark.usefixtures("warm_forkserver")


@pytest.mark.parametrize(
    ("actor", "check", "words"),
    [
        (faulty.WritesIntoInput, "samples", r"writes into an item .* write to a \.copy\(\)"),
        (faulty.MutatesInput, "immutable-inputs", "changed a numpy item that came in"),
        (faulty.ReusesOutput, "immutable-outputs", "after it had sent it"),
        (faulty.SwallowsCancellation, "cancellation", "went on after it was cancelled"),
        (faulty.LeaksThread, "leaks", "1 more threads"),
        (faulty.LeaksDescriptor, "leaks", "1 more descriptors"),
        (faulty.KeepsArrays, "borrowed-arrays", "1 of 1 arrays that came in are still held"),
        (faulty.WrongKind, "samples", r"process\(\) returned text; it declares .* json"),
        (faulty.BlocksLoop, "blocking", "held the loop for 0.3"),
        (faulty.BlocksOnLarge, "large-items", "held the loop for .* on one large text item"),
        (faulty.BreaksOnSilence, "odd-items", "breaks on silence with ZeroDivisionError"),
        (faulty.RepeatsFlush, "flush-twice", "gave the same again"),
        (faulty.UncleanStart, "failing-hooks", "AttributeError.* after a failed initialize"),
        (faulty.SharesState, "session-state", "SharesState.seen changed while a stream ran"),
        (faulty.CountsThoughStateless, "stateless", "declares stateless = True: leave that out"),
        (faulty.MixesSessions, "batches", "keep what belongs to a session in its state"),
        (faulty.ForgetsWhenMoved, "moved-state", "its outputs differ: export_state.. must return"),
        (
            faulty.MovesObjects,
            "moved-state",
            "returned what cannot be moved: a value of the type object",
        ),
        (faulty.TakesAnyParams, "params", "an unknown param is not refused"),
        (faulty.IgnoresClose, "closed-generator", "let GeneratorExit through"),
        (faulty.KnowsItsPlace, "executors", "depends on where it runs"),
        (faulty.Dies, "samples", "exited with status 3"),
        (faulty.StubbornSource, "cancellation", r"generate\(\) went on after it was cancelled"),
        (faulty.SourceWithoutClose, "samples", "generator ignored GeneratorExit"),
        (faulty.OutlivingTask, "background", "its task poller still runs"),
        (faulty.EmitsAfterEnd, "background", "emits after the end of its stream"),
        (faulty.BlockingSource, "blocking", r"generate\(\) held the loop for 0.3"),
        (faulty.ReusingSource, "immutable-outputs", "after it had sent it"),
        (faulty.Kinds, "kinds", r"accepts is \{'text'\}; expected a frozenset of Kind"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_faulty_actor_gets_its_violation(check_actor, actor, check, words):
    with pytest.raises(ContractError) as caught:
        check_actor(actor, samples=[Text("a")] if actor.accepts == faulty.TEXT else [])
    messages = [each.message for each in caught.value.violations if each.check == check]
    assert any(re.search(words, message) for message in messages), str(caught.value)


@pytest.mark.parametrize(
    ("actor", "check"), [(faulty.Hangs, "odd-items"), (faulty.GoesOnForEver, "samples")]
)
def test_an_actor_that_never_comes_back_is_reported(check_actor, actor, check):
    with pytest.raises(ContractError, match="did not come back within 1 s: it hangs") as caught:
        check_actor(actor, seconds=1)
    assert caught.value.violations[0].check == check


@pytest.mark.parametrize("actor", [GainNode, Pairs, SlowStart, Beats, Lines, Heartbeat])
def test_an_honest_actor_passes(check_actor, actor):
    check_actor(actor)


def test_a_slow_one_passes_where_it_may_be_slow(check_actor):
    check_actor(faulty.BlocksLoop, samples=[Text("a")], executor="multiprocess")
    check_actor(faulty.BlocksLoop, samples=[Text("a")], skip=["blocking"])


def test_params_and_samples_are_of_the_actor(check_actor):
    check_actor(GainNode, params={"gain": 2}, samples=[Audio(np.ones(10, np.float32), 8000)])
    with pytest.raises(ContractError, match="params of the check are refused: got 9"):
        check_actor(GainNode, params={"gain": 9})


def test_a_check_that_is_none_is_refused(check_actor):
    with pytest.raises(ValueError, match="no check 'blokking'; the checks: kinds, "):
        check_actor(GainNode, skip=["blokking"])


def test_a_class_of_a_function_is_checked_as_any_other(check_actor):
    gain = 2

    class Local(GainNode):
        def process(self, item: Audio) -> Audio:
            item.samples[:] = gain
            return item

    with pytest.raises(ContractError, match="writes into an item"):
        check_actor(Local)


SECOND = Audio(np.zeros(16000, np.float32), 16000)
SAMPLES = {
    "CalculatorNode": [Json({"operation": "add", "operands": [1, 2]})],
    "RangeGeneratorNode": [Json({"start": 0, "end": 3, "step": 1})],
    "ErrorProneNode": [Json({"value": 3})],
    "AudioBufferAccumulatorNode": [
        Json({"has_speech": True, "is_speech_start": True, "is_speech_end": False}),
        Audio(np.ones(1600, np.float32), 16000),
    ],
    "TurnNode": [
        Json({"has_speech": True, "is_speech_start": True, "is_speech_end": False}),
        Text("hello"),
    ],
    "SherpaASRNode": [Audio(np.zeros(2400, np.float32), 8000)] * 4,
    "SrtOutput": [Json([{"start": 0, "end": 1.5, "text": "Hello."}])],
    "PocketSphinxNode": [Audio(np.zeros(1600, np.int16), 16000)] * 4,
    "WhisperNode": [SECOND],
    "MediaSinkNode": list(frames(10)),
    "HFPipelineNode": [Text("the house is warm.")],
}


def params_of(name, folder):
    """Save the tiny model or the film that a node reads, and return its params."""
    if name == "WhisperNode":
        return {"model": str(tiny_models.save_whisper(folder, "hello"))}
    if name == "KokoroTTSNode":
        return {"model": str(tiny_models.save_kokoro(folder, "af_heart"))}
    if name == "PiperTTSNode":
        return {"model": str(tiny_speech.save_piper(folder))}
    if name == "SherpaASRNode":
        model = tiny_speech.save_t_one(folder, "hello")
        return {"model": str(model), "architecture": "t_one_ctc", "sample_rate": 8000}
    if name == "RNNoiseNode":
        pytest.importorskip("pyrnnoise")
    if name == "LLMNode":
        pytest.skip("an operator's endpoint is needed: tests/actors/test_llm.py has one")
    if name == "MediaSourceNode":
        return {"source": str(save_film(folder / "film.mkv", 10, 25)), "streams": "both"}
    if name == "MediaSinkNode":
        return {"path": str(folder / "film.mkv"), "overwrite": True}
    if name == "HFPipelineNode":
        if not tiny_transformers.is_installed():
            pytest.skip('needs pip install "millrace-runtime[models]"')
        tiny_transformers.save_bert(folder, "Model")
        return {"task": "feature-extraction", "model": str(folder)}
    return None


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.name)
def test_every_actor_that_comes_along_passes(check_actor, entry, tmp_path):
    module, _, name = entry.target.partition(":")
    actor = getattr(importlib.import_module(module), name)
    check_actor(
        actor,
        params=params_of(name, tmp_path),
        samples=SAMPLES.get(name, ()),
        executor=entry.executor or "multiprocess",
        seconds=30,
    )
