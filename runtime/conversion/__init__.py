"""Between the messages of the contract and the values that the runtime works with."""

from .incoming import audio_of_chunk, data_of
from .manifests import manifest_of, manifest_message
from .outgoing import buffer_of

__all__ = ["audio_of_chunk", "buffer_of", "data_of", "manifest_message", "manifest_of"]
