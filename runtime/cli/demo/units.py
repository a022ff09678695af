"""Figures as the view and the report print them."""


def executor_or_process(executor: str, pid: int | None) -> str:
    """Return where a node runs: its executor, or its process."""
    return executor if pid is None else f"process {pid}"


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds.

    >>> milliseconds(0.0123)
    '12.30'
    """
    return f"{seconds * 1000:.2f}"
