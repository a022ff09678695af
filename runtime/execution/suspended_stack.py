"""The stack of a coroutine that waits: where an async hook is."""

import traceback
from types import FrameType
from typing import Any, Final

_FRAMES: Final = ("cr_frame", "gi_frame", "ag_frame")
_INNER: Final = ("cr_await", "gi_yieldfrom", "ag_await")
_MOST_FRAMES: Final = 100


def suspended_stack(awaited: object) -> str:
    """Return the stack of what is awaited, the innermost frame last; empty if it has none."""
    frames: list[traceback.FrameSummary] = []
    while awaited is not None and len(frames) < _MOST_FRAMES:
        frame = _first(awaited, _FRAMES)
        if isinstance(frame, FrameType):
            code = frame.f_code
            frames.append(traceback.FrameSummary(code.co_filename, frame.f_lineno, code.co_name))
        inner = _first(awaited, _INNER)
        if inner is not None and _first(inner, _FRAMES) is None and isinstance(frame, FrameType):
            # `anext` of an async generator hides the generator; our own frame has it.
            inner = frame.f_locals.get("iterator", inner)
        awaited = inner
    return "".join(traceback.StackSummary.from_list(frames).format())


def _first(awaited: object, names: tuple[str, ...]) -> Any:
    return next((found for n in names if (found := getattr(awaited, n, None)) is not None), None)
