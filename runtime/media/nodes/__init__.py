"""Node types that read and write media by themselves, without a client."""

from .media_sink import MediaSinkNode
from .media_source import MediaSourceNode

__all__ = ["MediaSinkNode", "MediaSourceNode"]
