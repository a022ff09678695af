"""Finds the test kit of the installed runtime: actors do not depend on the runtime."""

from importlib.metadata import entry_points
from typing import Final, cast

from .contract import Kit

GROUP: Final = "millrace.testing"


def installed_kit() -> Kit:
    """Return the test kit of the installed runtime.

    Raises:
        RuntimeError: there is none, or an older version was installed.
    """
    for point in entry_points(group=GROUP, name="kit"):
        return cast(Kit, point.load()())
    raise RuntimeError(
        f"no test kit is installed (entry point group {GROUP}): install millrace-runtime again"
    )
