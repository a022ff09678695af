"""Recordings: what flows through a session, in a file, and sent through again."""

from .archive import archived, remove_oldest
from .differences import Difference, Tolerance, difference, differences
from .errors import RecordingError
from .file_writer import RecordingWriter
from .item_feed import FeedItem, ItemFeed, open_feed
from .items import RecordedItem, Side
from .node_recording import NodeRecording, node_recording, recorded_node
from .node_tests import write_node_test
from .recorder import Recorder, RecordingLimits, record
from .recording import Recording, open_recording
from .replaying import NodeReplay, Replay, replay

__all__ = [
    "Difference",
    "NodeReplay",
    "FeedItem",
    "ItemFeed",
    "NodeRecording",
    "RecordedItem",
    "node_recording",
    "recorded_node",
    "write_node_test",
    "Recorder",
    "Recording",
    "RecordingError",
    "RecordingLimits",
    "RecordingWriter",
    "Replay",
    "Side",
    "Tolerance",
    "archived",
    "difference",
    "differences",
    "open_feed",
    "open_recording",
    "record",
    "remove_oldest",
    "replay",
]
