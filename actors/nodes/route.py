"""RouteNode."""

from ..actor import Actor
from ..data import Data
from ..kinds import ANY_KIND
from ..params import Field, Params
from ..routed import Routed
from ._rules import RouteRule


class RouteParams(Params):
    """The rules of RouteNode."""

    routes: list[RouteRule] = Field(
        [], max_length=1000, description="rules; the first that an item fulfils decides"
    )
    otherwise: str = Field(
        "",
        max_length=1000,
        description="id of the node that gets all other items; empty: they are dropped",
        json_schema_extra={"format": "reader-id"},
    )


class RouteNode(Actor[RouteParams]):
    """Send each item to one of the nodes that read this node, by the first rule that it fulfils.

    In: any kind. Out: the item unchanged, for one reader only. A rule compares the kind, an entry
    of the metadata, or a field of JSON; the params below have its form. Of JSON with more than
    262,144 characters no field can be compared: that is a DataError.

    For example, speech of one speaker goes to a node of its own:

        {"routes": [{"to": "translate", "metadata": "speaker", "equals": ["ann"]}],
         "otherwise": "transcript"}

    Every node that a rule names must be connected to read this one; otherwise the manifest is
    refused.
    """

    accepts = ANY_KIND
    produces = ANY_KIND

    def process(self, item: Data) -> Routed | None:
        """Return the item for its reader.

        Raises:
            DataError: a field is compared of JSON that is too long, or is none.
        """
        rule = next((each for each in self.params.routes if each.matches(item)), None)
        to = self.params.otherwise if rule is None else rule.to
        return Routed(item, to) if to else None
