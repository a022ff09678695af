"""What the console shows."""

from pathlib import Path

from ..service import Peers
from ..session import Runtime
from .feeds import Feeds
from .history import Histories
from .session_log_lines import LogLines


class ConsoleState:
    """What the pages of a console share.

    Attributes:
        runtime: whose sessions are shown.
        feeds: the snapshots that watchers share.
        log_lines: the last lines of each session.
        histories: the samples of each open session.
        recordings: the folder of recordings; None for none.
        peers: the other workers of the server; None: it is one process.
    """

    def __init__(
        self,
        runtime: Runtime,
        feeds: Feeds,
        log_lines: LogLines,
        histories: Histories,
        peers: Peers | None,
    ) -> None:
        folder = runtime.config.recording.folder
        self.runtime = runtime
        self.feeds = feeds
        self.log_lines = log_lines
        self.histories = histories
        self.peers = peers
        self.recordings = None if folder is None else Path(folder)
