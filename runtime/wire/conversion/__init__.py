"""Conversion between messages of the contract and values of the runtime, in both directions."""

from .encoded_chunks import ChunkEncoder
from .encoded_results import ResultEncoder
from .errors import error_message, error_of
from .incoming import data_of
from .known_chunks import Chunk, KnownChunks
from .manifests import manifest_json, manifest_message, manifest_value
from .outgoing import buffer_of
from .requests import (
    audio_of_chunk,
    chunk_data_of,
    chunk_message,
    limits_message,
    limits_of,
)
from .responses import (
    BundleBuilder,
    items_of,
    progress_message,
    progress_of,
    result_message,
    results_of,
)

__all__ = [
    "BundleBuilder",
    "Chunk",
    "ChunkEncoder",
    "KnownChunks",
    "ResultEncoder",
    "audio_of_chunk",
    "buffer_of",
    "chunk_data_of",
    "chunk_message",
    "data_of",
    "error_message",
    "error_of",
    "items_of",
    "limits_message",
    "limits_of",
    "manifest_json",
    "manifest_message",
    "manifest_value",
    "progress_message",
    "progress_of",
    "result_message",
    "results_of",
]
