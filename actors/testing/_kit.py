"""How the runtime's test kit is found: actors know nothing of the runtime that runs them."""

from importlib.metadata import entry_points
from typing import Final, cast

from .contract import Kit

GROUP: Final = "millrace.testing"


def installed_kit() -> Kit:
    """Return the test kit of the installed runtime.

    Raises:
        RuntimeError: none is installed, or it was installed by an older version.
    """
    for point in entry_points(group=GROUP, name="kit"):
        return cast(Kit, point.load()())
    raise RuntimeError(
        f"no runtime offers a test kit (entry point group {GROUP}): install millrace-runtime anew"
    )
