"""Which items a node accepts, by their kinds."""

from dataclasses import dataclass
from typing import Any

from actors import Actor, Bundle, Data, Kind


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The kinds of data that a node accepts.

    Attributes:
        actor: the name of the node's actor class, for messages.
        kinds: the accepted kinds.
    """

    actor: str
    kinds: frozenset[Kind]

    @classmethod
    def of(cls, actor: type[Actor[Any]]) -> "Acceptance":
        """Return the acceptance that an actor class declares."""
        return cls(actor.__name__, actor.accepts)

    def taken(self, data: Data) -> Data | None:
        """Return the item that the actor accepts: this one, or the only member of a bundle.

        None if it accepts neither.
        """
        if data.kind in self.kinds:
            return data
        member = data.sole_member() if isinstance(data, Bundle) else None
        return member if member is not None and member.kind in self.kinds else None

    def refusal(self, data: Data, source: str) -> str:
        """Return the message about an item that is not taken, from a node or, "", a client."""
        kinds = ", ".join(sorted(kind.value for kind in self.kinds)) or "nothing"
        origin = f"node {source!r}" if source else "the client"
        return f"{self.actor} takes {kinds}, and got {_named(data)} from {origin}"


def _named(data: Data) -> str:
    if not isinstance(data, Bundle):
        return data.kind.value
    ports = ", ".join(f"{port} ({member.kind.value})" for port, member in data.members.items())
    return f"a bundle of {ports}"
