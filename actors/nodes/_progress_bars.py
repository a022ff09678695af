"""tqdm, with which libraries show their progress on a terminal."""

from ._extras import import_library


def keep_progress_bars_from_threads(*, extra: str, node_type: str) -> None:
    """Stop tqdm from starting a thread that watches its bars, and that nothing would end.

    It starts the thread with its first bar, also if that is not shown.

    Raises:
        ImportError: it cannot be imported; the message has the line that installs it.
    """
    tqdm = import_library("tqdm", extra=extra, node_type=node_type)
    tqdm.tqdm.monitor_interval = 0
