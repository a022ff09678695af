"""Profiles in the file format of https://www.speedscope.app, a viewer of flame graphs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .sampler import FRAME_SEPARATOR

_SCHEMA: Final = "https://www.speedscope.app/file-format-schema.json"
_FRAME: Final = re.compile(r"(?P<name>.*) \((?P<file>.*):(?P<line>\d+)\)")


@dataclass(frozen=True, slots=True)
class NodeProfile:
    """What one node did with its time, in seconds.

    Attributes:
        initializing: getting ready.
        waiting: for something to come in.
        processing: in the actor's own code, from its first item to its flush.
        sending: waiting until its readers have room.
        stacks: of the actor's code, each with the processor time that was seen there.
    """

    node: str
    initializing: float
    waiting: float
    processing: float
    sending: float
    stacks: Mapping[str, float]


def speedscope_document(name: str, profiles: Iterable[NodeProfile]) -> dict[str, Any]:
    """Return the document: one profile per node, which speedscope shows as one flame graph each.

    >>> profile = NodeProfile("n", 0, 1, 2, 0, {"process (f.py:3)": 1.5})
    >>> speedscope_document("p", [profile])["profiles"][0]["weights"]
    [1, 1.5, 0.5]
    """
    frames = _Frames()
    documents = [_profile(profile, frames) for profile in profiles]
    return {
        "$schema": _SCHEMA,
        "name": name,
        "exporter": "millrace",
        "activeProfileIndex": 0,
        "shared": {"frames": frames.listed},
        "profiles": documents,
    }


class _Frames:
    """Every frame once; stacks are lists of their numbers."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []
        self._numbers: dict[str, int] = {}

    def number(self, frame: str) -> int:
        if frame not in self._numbers:
            self._numbers[frame] = len(self.listed)
            match = _FRAME.fullmatch(frame)
            self.listed.append(
                {"name": match["name"], "file": match["file"], "line": int(match["line"])}
                if match
                else {"name": frame}
            )
        return self._numbers[frame]


def _profile(profile: NodeProfile, frames: _Frames) -> dict[str, Any]:
    seen = {
        ("processing", *stack.split(FRAME_SEPARATOR)): seconds
        for stack, seconds in sorted(profile.stacks.items())
    }
    # Time in the actor's code that used no processor, or that was too short to be seen.
    rest = max(profile.processing + profile.initializing - sum(seen.values()), 0)
    weights = {
        ("waiting",): profile.waiting,
        **seen,
        ("processing",): rest,
        ("sending",): profile.sending,
    }
    weights = {stack: seconds for stack, seconds in weights.items() if seconds > 0}
    return {
        "type": "sampled",
        "name": profile.node,
        "unit": "seconds",
        "startValue": 0,
        "endValue": sum(weights.values()),
        "samples": [[frames.number(frame) for frame in stack] for stack in weights],
        "weights": list(weights.values()),
    }
