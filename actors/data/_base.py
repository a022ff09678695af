"""The base of all data items: kind, metadata, and bitwise equality."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..kinds import Kind

Array = NDArray[Any]

NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Data:
    """One immutable item of a stream.

    Arrays in it are read-only views that share ownership of their memory: keep them, or pass them
    on. To write, copy the array (`samples.copy()`) or `loan` one from the actor's context.

    `metadata` is a mapping of text to text that belongs to the item.
    """

    kind: ClassVar[Kind]

    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)

    def __post_init__(self) -> None:
        """Freeze the metadata.

        Raises:
            DataError: a key or a value is not text.
        """
        if self.metadata is not NO_METADATA:
            object.__setattr__(self, "metadata", _frozen_metadata(self.metadata))

    def with_metadata(self, /, **entries: str) -> Self:
        """Return the same item, its arrays shared, with `entries` added to its metadata."""
        return self._with({**self.metadata, **entries})

    def without_metadata(self, *names: str) -> Self:
        """Return the same item, its arrays shared, without some entries of its metadata."""
        if not any(name in self.metadata for name in names):
            return self
        kept = {key: value for key, value in self.metadata.items() if key not in names}
        return self._with(kept)

    def _with(self, metadata: Mapping[str, str]) -> Self:
        return replace(self, metadata=metadata)

    def __eq__(self, other: object) -> bool:
        """Compare every field, arrays bit for bit (so NaN equals the same NaN)."""
        if type(other) is not type(self):
            return NotImplemented
        return all(
            _same(getattr(self, part.name), getattr(other, part.name)) for part in fields(self)
        )

    def _repr_html_(self) -> str:
        """Return the item as a notebook shows it."""
        # By its name, since what shows items imports this module.
        html: str = import_module("actors.display").html_of(self)
        return html

    __hash__ = None  # type: ignore[assignment]  # equality is by content, and arrays have no hash


D = TypeVar("D", bound=Data)


def restorer(kind_type: type[D]) -> Callable[..., D]:
    """Return a function that makes an item of `kind_type` from the values of an earlier one.

    Its arguments are the metadata, frozen, and then the fields in their order. It checks nothing.
    """
    setters = {f"set_{name}": vars(owner)[name].__set__ for name, owner in _slots(kind_type)}
    names = [name.removeprefix("set_") for name in setters]
    # A loop over the fields would take twice the time, so the code is generated, as in dataclasses.
    lines = [
        f"def restore({', '.join(names)}):",
        "    item = new(kind_type)",
        *(f"    set_{name}(item, {name})" for name in names),
        "    return item",
    ]
    namespace: dict[str, Any] = {"new": object.__new__, "kind_type": kind_type, **setters}
    exec("\n".join(lines), namespace)  # noqa: S102 (the text is our own)
    restore: Callable[..., D] = namespace["restore"]
    return restore


def _slots(kind_type: type[Data]) -> Iterator[tuple[str, type]]:
    for part in fields(kind_type):
        yield part.name, next(owner for owner in kind_type.__mro__ if part.name in vars(owner))


def frozen_array(array: Array) -> Array:
    """Return a read-only view of `array`; make an array that owns its memory read-only too.

    Several actors may read an item at once. A caller that writes into an array after it made an
    item of it gets numpy's "read-only" error at that line, and no other actor gets torn data.
    """
    if array.flags.writeable:
        # A slice of a larger array stays writeable: its owner may still fill the rest.
        if not isinstance(array.base, np.ndarray):
            array.setflags(write=False)
        array = array.view()
        array.setflags(write=False)
    return array


def as_array(value: object, what: str) -> Array:
    """Return `value` if it is an array of plain numbers.

    Raises:
        DataError: it is not a numpy array, or has Python objects or fields.
    """
    if not isinstance(value, np.ndarray):
        raise DataError(f"{what} must be a numpy array, got {type(value).__name__}")
    if value.dtype.hasobject or value.dtype.fields is not None:
        raise DataError(f"{what} must hold plain values, got dtype {value.dtype}")
    return value


def check_range(what: str, value: object, low: int, high: int) -> None:
    """Raise DataError unless `value` is an integer in low..high."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise DataError(f"{what} must be an integer from {low} to {high}, got {value!r}")


def check_text(what: str, value: object) -> None:
    """Raise DataError unless `value` is text that can be encoded as UTF-8."""
    if not isinstance(value, str):
        raise DataError(f"{what} must be text, got {type(value).__name__}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{what} cannot be written as UTF-8: it has half of a surrogate pair at character "
                f"{error.start + 1}"
            ) from error


def _frozen_metadata(metadata: Mapping[str, str]) -> Mapping[str, str]:
    if not metadata:
        return NO_METADATA
    for key, value in metadata.items():
        check_text("a metadata key", key)
        check_text(f"metadata[{key!r}]", value)
    return MappingProxyType(dict(metadata))


def _same(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return (
            left.dtype == right.dtype
            and left.shape == right.shape
            and left.tobytes() == right.tobytes()
        )
    return left == right
