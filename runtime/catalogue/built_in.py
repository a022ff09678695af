"""The built-in node types: those among the actors, and those that need a room of the runtime."""

from typing import Final

from actors.catalogue import CATALOGUE, CatalogueEntry

# They read and write media with the code of `millrace run`.
_MEDIA_NODES: Final = tuple(
    CatalogueEntry(name, f"runtime.media.nodes:{name}", extra="media")
    for name in ("MediaSourceNode", "MediaSinkNode")
)

BUILT_IN: Final = (*CATALOGUE, *_MEDIA_NODES)
"""All built-in node types."""
