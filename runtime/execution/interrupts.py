"""KeyboardInterrupt: a signal's, which stops the process, or a node's own, which is its error."""

import _thread
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import trio

_log = logging.getLogger("millrace.session")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class InterruptMainError(KeyboardInterrupt):
    """`_thread.interrupt_main` was called, as libraries do that limit the time of a call."""


def is_from_signal(error: KeyboardInterrupt) -> bool:
    """Return whether the handler of a signal raised the error, and no code of a node.

    The innermost frame of its traceback is the handler's then.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    for handler in map(signal.getsignal, _SIGNALS):
        if handler is signal.default_int_handler:
            return True  # it is written in C, and leaves no frame
        code = getattr(handler, "__code__", None)
        if code is not None and trace is not None and trace.tb_frame.f_code is code:
            return True
    return False


@contextmanager
def nodes_interrupted_by_themselves() -> Iterator[None]:
    """Let `_thread.interrupt_main` end only the node that runs, and not this process.

    Python treats it as SIGINT: it runs the handler of that signal. A library calls it to break off
    a call that takes too long; a server must not stop then. Use this where SIGINT has a handler
    that does not raise, in the main thread.
    """
    handle_signal = signal.getsignal(signal.SIGINT)
    original = _thread.interrupt_main
    simulated: list[int] = []

    def interrupt_main(signum: signal.Signals = signal.SIGINT, /) -> None:
        if signum == signal.SIGINT:
            simulated.append(signum)
        original(signum)

    def handle(number: int, frame: FrameType | None) -> None:
        if simulated:
            simulated.clear()
            _interrupt_node(frame)
        elif callable(handle_signal):
            handle_signal(number, frame)

    _thread.interrupt_main = interrupt_main
    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handle_signal)
        _thread.interrupt_main = original


def _interrupt_node(frame: FrameType | None) -> None:
    """Raise in the code of the node that runs in the main thread; log it if none does."""
    # A frame of ours on top: the node has just returned, or was not called yet.
    inner = frame
    while frame is not None and not trio.lowlevel.currently_ki_protected():
        if frame.f_globals.get("__name__") == _CALLER:
            if frame is inner:
                break
            raise InterruptMainError
        frame = frame.f_back
    _log.warning("interrupt_main() was called while no node was running here; it is ignored")


_CALLER: Final = f"{__package__}.hook_calls"
