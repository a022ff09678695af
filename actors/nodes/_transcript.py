"""The result of speech recognition, as text or as JSON."""

import json
import math
from typing import NamedTuple

from ..data import Json, Text


class Segment(NamedTuple):
    """A part of a transcript.

    Attributes:
        start, end: in seconds, in the stream.
        log_probability: the mean over its tokens, 0 or less.
    """

    start: float
    end: float
    text: str
    log_probability: float


class Transcript(NamedTuple):
    """The segments of one utterance, at least one of them, and their language."""

    segments: list[Segment]
    language: str
    language_probability: float

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(segment.text for segment in self.segments).strip()

    def as_text(self, *, is_partial: bool = False) -> Text:
        """Return the text, with its time, its confidence and its segments in the metadata."""
        mean = sum(segment.log_probability for segment in self.segments) / len(self.segments)
        return Text(
            self.text,
            language=self.language,
            metadata={
                "start_ms": str(round(self.segments[0].start * 1000)),
                "end_ms": str(round(self.segments[-1].end * 1000)),
                "confidence": f"{_probability(mean):.3f}",
                "segments": json.dumps(self._plain_segments(), ensure_ascii=False),
                **({"partial": "true"} if is_partial else {}),
            },
        )

    def as_json(self, *, is_partial: bool = False) -> Json:
        """Return everything as JSON, which SrtOutput takes."""
        return Json(
            {
                "text": self.text,
                "language": self.language,
                "language_probability": round(_finite(self.language_probability), 3),
                "segments": self._plain_segments(),
                **({"partial": True} if is_partial else {}),
            }
        )

    def _plain_segments(self) -> list[dict[str, float | str]]:
        return [
            {
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "text": segment.text.strip(),
                "confidence": round(_probability(segment.log_probability), 3),
            }
            for segment in self.segments
        ]


def _probability(log_probability: float) -> float:
    """Return a probability, 0 to 1; 0 where a model gave NaN, which JSON cannot carry."""
    return 0.0 if math.isnan(log_probability) else math.exp(min(log_probability, 0.0))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
