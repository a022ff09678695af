"""Every check, in the order of the table."""

from collections.abc import Callable, Iterator
from typing import Final

from .finding import Finding
from .installation import check_extras, check_settings
from .kernel import check_clock, check_leftovers, check_shared_memory
from .limits import check_cores, check_descriptors, check_memory, check_processes
from .subject import Subject

CHECKS: Final[tuple[Callable[[Subject], Finding], ...]] = (
    check_settings,
    check_shared_memory,
    check_descriptors,
    check_processes,
    check_cores,
    check_memory,
    check_extras,
    check_leftovers,
    check_clock,
)


def examined(subject: Subject) -> Iterator[Finding]:
    """Yield what each check finds."""
    for check in CHECKS:
        yield check(subject)
