"""Between the messages of the contract and the values that the runtime works with."""

from .errors import error_message, error_of
from .incoming import audio_of_chunk, chunk_data_of, data_of
from .manifests import manifest_message, manifest_value
from .outgoing import buffer_of

__all__ = [
    "audio_of_chunk",
    "buffer_of",
    "chunk_data_of",
    "data_of",
    "error_message",
    "error_of",
    "manifest_message",
    "manifest_value",
]
