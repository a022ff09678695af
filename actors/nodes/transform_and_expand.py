"""TransformAndExpandNode."""

from collections.abc import Callable, Iterator
from typing import Final, Literal

from ..actor import Actor
from ..data import Json, Text
from ..kinds import Kind
from ..params import Field, Params

Transform = Literal["upper", "lower", "reverse"]

_TRANSFORMS: Final[dict[Transform, Callable[[str], str]]] = {
    "upper": str.upper,
    "lower": str.lower,
    "reverse": lambda text: text[::-1],
}


class TransformAndExpandParams(Params):
    """The forms of a text that TransformAndExpandNode returns."""

    transforms: tuple[Transform, ...] = Field(
        ("upper", "lower", "reverse"),
        # A tuple is immutable, as frozen parameters need. JSON has lists, which strict checking
        # refuses for a tuple without this.
        strict=False,
        min_length=1,
        max_length=100,
        description='a list of "upper", "lower" and "reverse", in the order of the outputs',
    )


class TransformAndExpandNode(Actor[TransformAndExpandParams]):
    """Return several forms of a text, one item each.

    In: text. Out: JSON {"text", "transform"} for every entry of transforms, in their order.

    >>> [item.value["text"] for item in TransformAndExpandNode().process(Text("Abc"))]
    ['ABC', 'abc', 'cbA']
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.JSON})
    stateless = True

    def process(self, item: Text) -> Iterator[Json]:
        """Yield the forms one by one."""
        for transform in self.params.transforms:
            changed = _TRANSFORMS[transform](item.text)
            yield Json({"text": changed, "transform": transform}, metadata=item.metadata)
