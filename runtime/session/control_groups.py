"""The control groups of this process, whose limits hold beside those of the machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_NO_LIMIT: Final = "max"


class ControlGroups:
    """Finds the control groups of this process, of version 1 or 2.

    Args:
        root: of the file system, for tests.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._memberships = root / "proc/self/cgroup"
        self._cgroups = root / "sys/fs/cgroup"

    def of(self, controller: str) -> Iterator[Path]:
        """Yield the folders of the groups for a controller, each inside the next."""
        for line in lines_of(self._memberships):
            _, names, path = line.split(":", 2)
            if names and controller not in names.split(","):
                continue
            top = self._cgroups / controller if names else self._cgroups
            # In a container, the path may be that of the machine; then its own group is the root.
            group = top / path.lstrip("/")
            while group != top:
                if group.is_dir():
                    yield group
                group = group.parent
            yield top


def number_in(folder: Path, *names: str) -> int | None:
    """Return the number in the first file of a folder that exists; None if it has no limit."""
    for name in names:
        for text in lines_of(folder / name):
            return None if text == _NO_LIMIT else int(text)
    return None


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file; none if it cannot be read."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
