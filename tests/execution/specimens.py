"""Actors for the tests of how nodes run."""

from actors import Actor, Data, Params


class Holding(Actor[Params]):
    """Keep the last items, as a window does."""

    def initialize(self) -> None:
        self._window: list[Data] = []

    def process(self, item: Data) -> Data:
        self._window = [*self._window[-3:], item]
        return item
