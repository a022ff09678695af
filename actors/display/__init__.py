"""Items as HTML, for notebooks; and the parts of it: waveforms, pictures, bounds of arrays."""

from .item import html_of
from .markup import caption, card, table
from .pictures import picture_of, to_png
from .signals import Bounds, Waveform, bounds_of, waveform_of

__all__ = [
    "Bounds",
    "Waveform",
    "bounds_of",
    "caption",
    "card",
    "html_of",
    "picture_of",
    "table",
    "to_png",
    "waveform_of",
]
