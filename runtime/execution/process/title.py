"""The title of a node process, as `ps` shows it."""

_MOST_CHARACTERS = 120


def set_process_title(node_id: str, session_id: str) -> None:
    """Name the node and the session in the title of this process.

    Another interpreter, in which the library is not installed, keeps its command line as its title.
    """
    try:
        from setproctitle import setproctitle
    except ImportError:
        return
    setproctitle(f"millrace: {node_id[:_MOST_CHARACTERS]} {session_id}")
