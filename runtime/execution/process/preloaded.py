"""The resources of the one node of a process: `Context.shared` has nobody to share with there."""

from collections.abc import Callable, Hashable, Mapping


class Preloaded:
    """Resources by their keys, of which a template may have loaded some before the fork.

    A load runs on the event loop, as any other hook of a process of its own does.
    """

    def __init__(self, resources: Mapping[Hashable, object] | None = None) -> None:
        self._resources = dict(resources or {})

    async def share(self, key: Hashable, load: Callable[[], object]) -> object:
        """Return a resource: see `Context.shared`."""
        if key not in self._resources:
            self._resources[key] = load()
        return self._resources[key]

    def take(self, key: Hashable, load: Callable[[], object]) -> object:
        """Return a resource that is not shared: see `Context.preloaded`."""
        return self._resources.pop(key) if key in self._resources else load()
