"""Routes control messages to the nodes that they concern, past the items that wait."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from actors import Control

from ..executors import NodeTask
from ..links import INLET, ControlLane, Item, Notice, name_of, named
from ..plan import Plan
from .readers import readers_of_nodes


class ControlHub:
    """Notifies every node downstream of a control message."""

    def __init__(self, plan: Plan, tasks: Mapping[str, NodeTask]) -> None:
        self._outlet = ControlLane()
        self._readers = readers_of_nodes(plan)
        self._order = [str(node.node_id) for node in plan.nodes]
        self._tasks = tasks
        self._count = 0

    def enter(self, control: Control, targets: Iterable[str]) -> Control:
        """Announce a message that enters at `targets`; return it as it travels on the links."""
        if control.message is None:
            return control
        self._count += 1
        name = str(self._count)
        self._notify(Notice.of(control, name), INLET, targets)
        return named(control, name)

    def announce(self, node: str, notice: Notice) -> None:
        """Announce a message that a node has emitted."""
        self._notify(notice, node, self._readers[node] or [INLET])

    def is_wanted(self, item: Item) -> bool:
        """Return whether an output is still wanted: no control message has cancelled it."""
        name = name_of(item.data)
        if name is not None and isinstance(item.data, Control):
            self._outlet.record_arrival(name, item.source, item.data)
            self._outlet.discard_pending()
        return isinstance(item.data, Control) or not self._outlet.drops(
            item.timestamp_ms, item.source
        )

    def _notify(self, notice: Notice, source: str, targets: Iterable[str]) -> None:
        """Notify every node that the message will reach, with the number of copies to expect."""
        copies: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for target in targets:
            copies[target][source] += 1
        for node in self._order:  # topological, so that all copies for a node are counted
            arriving = copies[node].total()
            if arriving:
                for reader in self._readers[node] or [INLET]:
                    copies[reader][node] += arriving
                self._tasks[node].control(
                    msgspec.structs.replace(notice, copies=dict(copies[node]))
                )
        # The session's owner also receives the message itself, as a result.
        self._outlet.notify(msgspec.structs.replace(notice, copies=dict(copies[INLET])))
        self._outlet.discard_pending()
