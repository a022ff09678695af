"""The machine and the settings that are checked."""

import ctypes
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distributions, metadata, requires, version
from pathlib import Path
from typing import Final

from ...config import RuntimeConfig
from ...session import ControlGroups, Leftovers, find_leftovers, lines_of

_DISTRIBUTION: Final = "millrace-runtime"
_LIMIT: Final = re.compile(r"(?P<name>Max [a-z ]+?) {2,}(?P<soft>\S+) +(?P<hard>\S+)")
_UNLIMITED: Final = "unlimited"
_TIMEX_BYTES: Final = 512  # struct timex has 208
_NOT_SYNCHRONIZED: Final = 5  # TIME_ERROR of <sys/timex.h>


def clock_is_synchronized() -> bool | None:
    """Return whether the kernel's clock follows a reference; None if the kernel does not tell."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "adjtimex"):
        return None
    state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))  # with modes 0, it only reads
    return None if state < 0 else state != _NOT_SYNCHRONIZED


def packages_of_extras() -> dict[str, tuple[str, ...]]:
    """Return the packages that each extra of this distribution requires, by extra."""
    try:
        extras = metadata(_DISTRIBUTION).get_all("Provides-Extra") or []
        required = [each.replace('"', "'") for each in requires(_DISTRIBUTION) or ()]
    except PackageNotFoundError:  # run from its sources
        return {}
    return {
        extra: tuple(_name_of(each) for each in required if f"extra == '{extra}'" in each)
        for extra in extras
    }


def is_installed(package: str) -> bool:
    """Return whether a distribution is installed."""
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def packages_required_by_others() -> frozenset[str]:
    """Return the packages that installed distributions other than this one require."""
    return frozenset(
        normalized(_name_of(required))
        for each in distributions()
        if normalized(each.name) != _DISTRIBUTION
        for required in each.requires or ()
        if "extra ==" not in required
    )


def normalized(package: str) -> str:
    """Return the one spelling of a package's name, as in PEP 503."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0]


@dataclass(frozen=True)
class Subject:
    """What is checked; tests replace each part.

    Attributes:
        config: the settings; the defaults, if those of the operator are not valid.
        settings_faults: what is wrong with the operator's settings.
        settings_file: where they come from; empty for the defaults.
        root: of the file system.
        cores: of the machine that this process may use.
    """

    config: RuntimeConfig
    settings_faults: tuple[str, ...] = ()
    settings_file: str = ""
    root: Path = Path("/")
    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    space_of: Callable[[Path], os.statvfs_result] = os.statvfs
    leftovers: Callable[[], Leftovers] = find_leftovers
    clock_is_synchronized: Callable[[], bool | None] = clock_is_synchronized
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=packages_of_extras)
    is_installed: Callable[[str], bool] = is_installed
    required_by_others: Callable[[], frozenset[str]] = packages_required_by_others

    @property
    def groups(self) -> ControlGroups:
        """The control groups of this process."""
        return ControlGroups(self.root)

    def text(self, path: str) -> str:
        """Return the first line of a file below the root; empty if it cannot be read."""
        return next(iter(lines_of(self.root / path)), "")

    def limits(self, name: str) -> tuple[int | None, int | None]:
        """Return the soft and the hard limit of this process; None for no limit.

        Args:
            name: as in /proc/self/limits, such as "Max open files".
        """
        for line in lines_of(self.root / "proc/self/limits"):
            found = _LIMIT.match(line)
            if found is not None and found["name"] == name:
                soft, hard = found["soft"], found["hard"]
                return _number(soft), _number(hard)
        return None, None


def _number(text: str) -> int | None:
    return None if text == _UNLIMITED else int(text)
