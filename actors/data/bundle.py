"""Several items as one input of a node, each under a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from ..errors import DataError
from ..kinds import Kind
from ._base import Data, check_text


@dataclass(frozen=True, slots=True, eq=False)
class Bundle(Data):
    """Named items that are processed together.

    A node that does not accept bundles receives the member itself if there is only one.

    Attributes:
        members: name to item; at least one, and none is a bundle itself. Read-only.

    Raises:
        DataError: no member, a name that is not text or is empty, a member that is not an item or
            is a bundle.

    >>> from actors import Text
    >>> bundle = Bundle({"question": Text("Who?"), "answer": Text("I.")})
    >>> str(bundle["answer"])
    'I.'
    """

    kind: ClassVar[Kind] = Kind.BUNDLE

    members: Mapping[str, Data]

    def __post_init__(self) -> None:
        """Check and freeze."""
        super(Bundle, self).__post_init__()
        members: object = self.members
        if not isinstance(members, Mapping):
            raise DataError(f"a bundle must be a mapping, got {type(members).__name__}")
        if not members:
            raise DataError("a bundle must have at least one member")
        for name, member in members.items():
            _check_member(name, member)
        object.__setattr__(self, "members", MappingProxyType(dict(members)))

    def __getitem__(self, name: str) -> Data:
        """Return the member of that name."""
        return self.members[name]

    def sole_member(self) -> Data | None:
        """Return the member if there is only one, else None.

        It has its own metadata and that of the bundle; its own overrides.
        """
        if len(self.members) != 1:
            return None
        (member,) = self.members.values()
        if not self.metadata:
            return member
        return member.with_metadata(**{**self.metadata, **member.metadata})


def _check_member(name: object, member: object) -> None:
    check_text("the name of a bundle's member", name)
    if not name:
        raise DataError("the name of a bundle's member must not be empty")
    if isinstance(member, Bundle) or not isinstance(member, Data):
        raise DataError(
            f"a bundle's member must be an item that is no bundle, got {type(member).__name__} "
            f"for {name!r}"
        )
