"""What an actor may ask of the place it runs in."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .data import Array


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a node's initialization has come.

    Attributes:
        status: "starting", "loading_model", "ready" or "error".
        fraction: 0 to 1.
        message: for people.
    """

    status: str
    fraction: float
    message: str = ""


def _nobody_listens(progress: Progress) -> None:
    """Take a progress report where no runtime is there to show it, as in a unit test."""


def _private_memory(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return np.empty(shape, dtype)


class Context:
    """What the runtime tells an actor, and does for it. An actor finds it as `self.context`.

    Attributes:
        node_id: the node's id in the manifest.
        session_id: the session's id.
        sequence: of the item that is being processed; outputs carry it on.
        timestamp_ms: the client's timestamp of that item, in milliseconds; 0 if it gave none.
        source: the id of the node that the item came from; empty if a client sent it here.
        log: a logger that says which node speaks.
    """

    __slots__ = (
        "_loan",
        "_report",
        "log",
        "node_id",
        "sequence",
        "session_id",
        "source",
        "timestamp_ms",
    )

    def __init__(
        self,
        node_id: str = "node",
        session_id: str = "",
        *,
        report: Callable[[Progress], None] = _nobody_listens,
        loan: Callable[[tuple[int, ...], np.dtype[Any]], Array] = _private_memory,
    ) -> None:
        self.node_id = node_id
        self.session_id = session_id
        self.sequence = 0
        self.timestamp_ms = 0
        self.source = ""
        logger = logging.getLogger(f"millrace.node.{node_id}")
        self.log = logging.LoggerAdapter(logger, {"session": session_id, "node": node_id})
        self._report = report
        self._loan = loan

    def progress(
        self, fraction: float, message: str = "", *, status: str = "loading_model"
    ) -> None:
        """Tell the client how far `initialize` has come; may be called from any hook form.

        Args:
            fraction: 0 to 1; values outside are brought to the nearer end.
            message: for people, such as "loading the acoustic model"; what UTF-8 cannot carry is
                written out.
            status: "starting" or "loading_model".
        """
        told = str(message).encode(errors="backslashreplace").decode()
        self._report(Progress(status, min(max(0.0, float(fraction)), 1.0), told))

    def loan(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return a writable array for an output: fill it, put it into a data item, return that.

        The content is undefined until written. Building a data item closes it to writing.
        """
        return self._loan((shape,) if isinstance(shape, int) else tuple(shape), np.dtype(dtype))
