"""Describes node types without importing their modules into the server."""

from .describer import Describer, ImportingDescriber
from .description import Description
from .discovery import discover
from .open import open_describer

__all__ = [
    "Describer",
    "Description",
    "ImportingDescriber",
    "discover",
    "open_describer",
]
