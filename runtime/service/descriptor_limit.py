"""The process's limit of file descriptors."""

import resource
from typing import Final

# Some systems have no hard limit. Programs that a node starts may go through all numbers below it.
_MOST: Final = 2**20


def raise_descriptor_limit() -> int:
    """Raise the soft limit of file descriptors to the hard one; return it.

    Linux gives processes 1,024 for the sake of old programs, and lets them raise it. A connection
    takes one, a session of two node processes about 40.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
