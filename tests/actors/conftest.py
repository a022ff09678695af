from collections.abc import Callable, Iterable

import pytest

from actors import Actor, Data, Json, Params

Drive = Callable[[Actor[Params], Iterable[Data]], list[Data]]


def _items(outputs: object) -> list[Data]:
    if outputs is None:
        return []
    return [outputs] if isinstance(outputs, Data) else list(outputs)  # type: ignore[call-overload]


class Chain:
    """Actors one after the other, as the runtime would run them: every output is checked."""

    def __init__(self, *actors: Actor[Params]) -> None:
        self.actors = actors
        for actor in actors:
            actor.initialize()

    def feed(self, item: Data, at: int = 0) -> list[Data]:
        if at == len(self.actors):
            return [item]
        actor = self.actors[at]
        assert item.kind in actor.accepts
        return self._onward(actor.process(item), at)

    def end(self) -> list[Data]:
        last = [
            item for at, actor in enumerate(self.actors) for item in self._onward(actor.flush(), at)
        ]
        for actor in self.actors:
            actor.cleanup()
        return last

    def _onward(self, outputs: object, at: int) -> list[Data]:
        onward = []
        for item in _items(outputs):
            assert item.kind in self.actors[at].produces
            onward += self.feed(item, at + 1)
        return onward


@pytest.fixture
def chain():
    return Chain


@pytest.fixture
def drive() -> Drive:
    """Run one actor over some items, from initialize to cleanup, and return what it gave."""

    def run(actor: Actor[Params], items: Iterable[Data]) -> list[Data]:
        started = Chain(actor)
        outputs = [output for item in items for output in started.feed(item)]
        return outputs + started.end()

    return run


@pytest.fixture
def values(drive):
    """Run one actor over some JSON values and return the values that it gave."""
    return lambda actor, *inputs: [item.value for item in drive(actor, map(Json, inputs))]
