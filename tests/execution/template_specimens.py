"""Actors for the tests of templates."""

import os
import threading
from collections.abc import Hashable
from typing import Any

from actors import Actor, Field, Json, Kind, NoParams, Params, Text


class PreloadParams(Params):
    """How it preloads."""

    how: str = Field("well", description="well, thread, file, error or exit")
    other: int = Field(0, description="preload() does not read it")


class Preloading(Actor[PreloadParams]):
    """Answer with the process that loaded the weights, and its own."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.JSON})
    preload_params = frozenset({"how"})

    @classmethod
    def preload(cls, params: Any) -> dict[Hashable, object]:
        if params.how == "thread":
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        if params.how == "file":
            return {"weights": open(__file__)}
        if params.how == "error":
            raise OSError("no weights here")
        if params.how == "exit":
            os._exit(3)
        return {"weights": os.getpid()}

    async def initialize(self) -> None:
        self._loaded_by = await self.context.shared("weights", os.getpid)

    def process(self, item: Text) -> Json:
        return Json([self._loaded_by, os.getpid(), os.getppid()])


class Taking(Actor[NoParams]):
    """Answer with the process that loaded what this node alone has, and its own."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.JSON})

    @classmethod
    def preload(cls, params: Any) -> dict[Hashable, object]:
        return {"decoder": os.getpid()}

    def initialize(self) -> None:
        self._loaded_by = self.context.preloaded("decoder", os.getpid)

    def process(self, item: Text) -> Json:
        return Json([self._loaded_by, os.getpid()])
