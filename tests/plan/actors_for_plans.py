"""Actors that plans can name; importing this module is counted."""

from typing import Literal

from pydantic import model_validator

from actors import Actor, Data, Field, Params


class TunedParams(Params):
    """Parameters of every shape."""

    chunk_size: int = Field(512, ge=1, description="samples")
    rate: float | Literal["auto"] = "auto"
    gain: float = Field(1.0, gt=0, le=2)
    quality: Literal["Low", "High"] = "Low"
    words: tuple[str, ...] = Field((), max_length=3)
    label: str | None = Field(None, min_length=2, pattern="^[a-z]+$")
    low: int = 0
    high: int = 10

    @model_validator(mode="after")
    def _in_order(self) -> "TunedParams":
        if self.low == 13:
            raise ZeroDivisionError("a mistake of the author's")
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}; expected low <= high")
        return self


class TunedNode(Actor[TunedParams]):
    """Hand everything on."""

    def process(self, item: Data) -> Data:
        """Return the item."""
        return item

    class InnerNode(Actor[TunedParams]):
        """Stands inside another class, and can be imported all the same."""


class RequiredParams(Params):
    """One parameter without a default."""

    model: str


class RequiredNode(Actor[RequiredParams]):
    """Needs a parameter."""


class NotAnActor:
    """Has the wrong base."""


number = 3
