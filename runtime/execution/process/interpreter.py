"""Other interpreters for nodes, looked at before anything is started with them."""

import os
import subprocess
from typing import Final

import trio

_LONGEST_SECONDS: Final = 60.0

# Any Python that there ever was can read this.
_PROBE: Final = """
import sys
if sys.version_info < (3, 11):
    print("it is Python %d.%d; nodes need 3.11 or later" % sys.version_info[:2])
else:
    # The current folder, which may have modules of the same names. Not by -P: 3.10 has no -P.
    sys.path.remove("")
    try:
        import runtime.execution.process.exec_main
    except ImportError as error:
        print("it cannot run nodes: %s; install millrace-runtime there" % error)
    else:
        print("fit")
"""


class Interpreters:
    """Knows which interpreters can run nodes; each is asked once, and again when it has changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], str] = {}
        self._turn = trio.Lock()

    async def fault(self, executable: str) -> str:
        """Return what is wrong with an interpreter; empty if it can run nodes."""
        try:
            found = os.stat(executable)
        except (OSError, ValueError) as error:
            return f"there is no such file: {getattr(error, 'strerror', None) or error}"
        key = (executable, found.st_mtime_ns, found.st_size)
        async with self._turn:
            if key not in self._known:
                self._known[key] = await _probe(executable)
            return self._known[key]


def environment_for(environ: dict[str, str]) -> dict[str, str]:
    """Return the environment of another interpreter, which finds its own modules."""
    return {name: value for name, value in environ.items() if name != "PYTHONPATH"}


async def _probe(executable: str) -> str:
    try:
        with trio.fail_after(_LONGEST_SECONDS):
            result = await trio.run_process(
                [executable, "-c", _PROBE],
                stdin=b"",
                capture_stdout=True,
                stderr=subprocess.STDOUT,
                env=environment_for(dict(os.environ)),
                check=False,
            )
    except OSError as error:
        return f"it cannot be run: {error.strerror}"
    except trio.TooSlowError:
        return f"it did not answer within {_LONGEST_SECONDS:g} s; is it Python?"
    said = result.stdout.decode(errors="replace").strip().rpartition("\n")[2]
    if result.returncode != 0:
        return f"it is no Python that works: exit status {result.returncode}, {said or 'no word'}"
    return "" if said == "fit" else said
