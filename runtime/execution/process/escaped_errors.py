"""Exits that leave a thread or a finalizer of a node: Python prints them, and goes on."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def escaped_errors_reported(report: Callable[[str, BaseException], None]) -> Iterator[None]:
    """Report KeyboardInterrupt, GeneratorExit and their like that no code of a node has caught.

    An Exception in a thread ends that thread, and SystemExit is the usual way to end one.

    Args:
        report: called in any thread, with the place and what was raised.
    """

    def handle_thread(args: threading.ExceptHookArgs) -> None:
        previous_thread(args)
        name = args.thread.name if args.thread is not None else "unknown"
        if args.exc_value is not None and not isinstance(args.exc_value, Exception | SystemExit):
            report(f"its thread {name!r}", args.exc_value)

    def handle_unraisable(args: "sys.UnraisableHookArgs") -> None:
        previous_unraisable(args)
        if args.exc_value is not None and not isinstance(args.exc_value, Exception):
            name = getattr(args.object, "__qualname__", type(args.object).__name__)
            report(f"its {name}()", args.exc_value)

    previous_thread, previous_unraisable = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = handle_thread, handle_unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = previous_thread, previous_unraisable
