"""Which nodes of a pipeline speak, listen and can be interrupted."""

from typing import Any

import pytest

from runtime import Manifest, Runtime, manifest_from
from runtime.talk.roles import Roles, roles_of
from tests.session.pipelines import manifest
from tests.talk.specimens import assistant


def with_roles(pipeline: Manifest, value: Any) -> Manifest:
    """Return a pipeline whose metadata has `talk`."""
    assert pipeline.document is not None
    plain: dict[str, Any] = dict(pipeline.document.value)  # type: ignore[call-overload]
    return manifest_from({**plain, "metadata": {**plain["metadata"], "talk": value}})


async def test_an_assistant_needs_no_configuration(runtime: Runtime) -> None:
    roles, problems = roles_of(runtime.plan(assistant()))
    assert problems == []
    assert roles == Roles(
        entries=("resample",),
        heard=frozenset({"heard"}),
        said=frozenset({"said"}),
        detectors=("vad",),
        is_interrupted=True,
        answering=("answer",),
    )
    assert [roles.speaker(node) for node in ("heard", "said", "x")] == ["person", "agent", ""]


async def test_without_a_recognizer_an_interruption_enters_at_the_sinks(runtime: Runtime) -> None:
    roles, _ = roles_of(runtime.plan(manifest({"a": "AudioChunkerNode"})))
    assert (roles.answering, roles.detectors, roles.heard) == (("a",), (), frozenset())


async def test_a_pipeline_with_control_messages_of_its_own_interrupts_itself(
    runtime: Runtime,
) -> None:
    nodes = {"vad": "SileroVADNode", "turns": "CancellingNode"}
    roles, _ = roles_of(runtime.plan(manifest(nodes)))
    assert (roles.detectors, roles.is_interrupted) == (("vad",), False)


async def test_a_manifest_can_name_the_nodes(runtime: Runtime) -> None:
    named = {"heard": "said", "said": ["heard"], "detector": [], "answering": ["speak", "answer"]}
    roles, problems = roles_of(runtime.plan(with_roles(assistant(), named)))
    assert problems == []
    assert (roles.heard, roles.said) == (frozenset({"said"}), frozenset({"heard"}))
    assert (roles.detectors, roles.answering) == ((), ("speak", "answer"))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"heard": "no"}, "metadata.talk.heard: the pipeline has no node 'no'"),
        ({"said": "vad"}, "metadata.talk.said: node 'vad' is no sink"),
        ({"herd": "heard"}, 'metadata.talk.herd: unknown key; did you mean "heard"?'),
        ({"detector": 1}, "metadata.talk.detector: got 1"),
        ([], "metadata.talk: got []"),
    ],
)
async def test_a_wrong_name_is_a_fault(runtime: Runtime, value: Any, problem: str) -> None:
    _, problems = roles_of(runtime.plan(with_roles(assistant(), value)))
    assert [each[: len(problem)] for each in problems] == [problem]
