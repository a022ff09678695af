"""Whether a node takes an item, by the item's kind."""

from dataclasses import dataclass
from typing import Any

from actors import Actor, Bundle, Data, Kind


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a node takes.

    Attributes:
        actor: the name of its actor's class, for messages.
        kinds: the kinds of data.
    """

    actor: str
    kinds: frozenset[Kind]

    @classmethod
    def of(cls, actor: type[Actor[Any]]) -> "Acceptance":
        """Return what an actor declares."""
        return cls(actor.__name__, actor.accepts)

    def taken(self, data: Data) -> Data | None:
        """Return an item as the actor takes it: of a bundle of one, perhaps the member.

        None: it takes neither.
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
