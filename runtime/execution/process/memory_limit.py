"""How much memory a node's process may take, and how to tell that it wanted more."""

import re
import resource
from pathlib import Path
from typing import Final

# Beyond the limit, for saying that it was reached: the hard limit is higher by this much.
_LAST_WORDS_BYTES: Final = 16 * 1024 * 1024

# Less than the smallest block that the allocator asks the kernel for.
_MARGIN_BYTES: Final = 256 * 1024

# What Python and native libraries say when an allocation fails. Lines of a traceback that quote
# source code are indented, and do not count.
_EXHAUSTION: Final = re.compile(
    r"""^(?:
        [\w.]*MemoryError\b                 # Python, and numpy's own
      | \S.*(?:
            std::bad_alloc
          | (?:[Cc]annot|[Cc]an't|[Ff]ailed\ to|[Uu]nable\ to|[Cc]ould\ not)\ allocate
          | [Mm]emory\ allocation\ of\ \d+\ bytes\ failed       # Rust, before it aborts
          | [Oo]ut\ of\ memory
          | failed\ to\ map\ segment        # the dynamic linker
          | \bMemoryError\b
          | can't\ start\ new\ thread       # no room for its stack
        )
    )""",
    re.MULTILINE | re.VERBOSE,
)


def limit_memory(max_bytes: int) -> None:
    """Let this process allocate `max_bytes` more than it has now; 0 sets no limit.

    What counts is private writable memory, RLIMIT_DATA in the kernel's terms: heap, arrays, stacks
    of threads. Programs and models that are only mapped, and shared memory, do not count.
    """
    if not max_bytes:
        return
    limit = _data_bytes() + max_bytes
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    hard = limit + _LAST_WORDS_BYTES
    if most != resource.RLIM_INFINITY:
        hard = min(hard, most)
    if hard < 2**63:  # beyond, there is nothing to limit
        resource.setrlimit(resource.RLIMIT_DATA, (min(limit, hard), hard))


def raise_soft_limit() -> None:
    """Make room for telling the server what happened."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def is_exhaustion(text: str) -> bool:
    """Return whether a traceback or a process's last lines tell of a failed allocation.

    >>> is_exhaustion("terminate called after throwing an instance of 'std::bad_alloc'")
    True
    >>> is_exhaustion("    except MemoryError:")
    False
    """
    return _EXHAUSTION.search(text) is not None


def is_at_limit() -> bool:
    """Return whether this process has allocated all that it may.

    An allocation that fails inside the interpreter or a library can surface as any exception, such
    as a ValueError of the parser.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return limit != resource.RLIM_INFINITY and _data_bytes() + _MARGIN_BYTES >= limit


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
