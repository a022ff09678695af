"""Actors that a service must cope with."""

import builtins
import sys
import time

import numpy as np
import trio

from actors import ANY_KIND, Actor, Bundle, Data, Field, Json, Kind, NumpyArray, Params


class SilentParams(Params):
    """How long."""

    seconds: float = Field(5.0, ge=0)
    blocking: bool = Field(False, description="in time.sleep, which lets nothing else run")


class Silent(Actor[SilentParams]):
    """Load for a while, and say nothing of it."""

    async def initialize(self) -> None:
        if self.params.blocking:
            time.sleep(self.params.seconds)
        await trio.sleep(self.params.seconds)

    def process(self, item: Data) -> Data:
        return item


class PairSum(Actor[Params]):
    """Add up the numbers of two ports."""

    accepts = frozenset({Kind.BUNDLE})
    produces = frozenset({Kind.JSON})

    def process(self, item: Bundle) -> Json:
        left, right = item["left"], item["right"]
        assert isinstance(left, Json)
        assert isinstance(right, Json)
        return Json(float(str(left.value)) + float(str(right.value)))


class Blob(Actor[Params]):
    """Give an array of zeros of as many bytes as a number says."""

    accepts = frozenset({Kind.JSON})
    produces = ANY_KIND

    def process(self, item: Json) -> NumpyArray:
        return NumpyArray(np.zeros(int(str(item.value)), np.uint8))


class Describe(Actor[Params]):
    """Say what came in."""

    def process(self, item: Data) -> Json:
        array = getattr(item, "array", getattr(item, "samples", None))
        return Json(
            {
                "kind": item.kind.value,
                "dtype": None if array is None else str(array.dtype),
                "shape": None if array is None else list(array.shape),
                "values": None if array is None else np.ravel(array, order="C").tolist(),
            }
        )


class Discard(Actor[Params]):
    """Give nothing."""

    def process(self, item: Data) -> None:
        return None


class NativeError(Actor[Params]):
    """Fail with an error that no message can carry as it is."""

    def process(self, item: Data) -> None:
        raise ValueError("half a pair: \ud800")


class PrintingUntilParams(Params):
    """How much, and how long."""

    least: int = Field(1000, description="lines")
    until: str = Field("", description="a file; when it is there, no more is printed")
    how: str = Field("print", description="print or log")


class PrintingUntil(Actor[PrintingUntilParams]):
    """Print lines until a file is there; give their number. Other tasks get turns."""

    async def process(self, item: Data) -> Json:
        count = 0
        while count < self.params.least or not await trio.Path(self.params.until).exists():
            for _ in range(100):
                if self.params.how == "print":
                    print(f"line {count} of many")
                else:
                    self.context.log.info("line %d of many", count)
                count += 1
            await trio.lowlevel.checkpoint()
        return Json(count)


class EchoHere(Actor[Params]):
    """Give what comes in."""

    def process(self, item: Data) -> Data:
        return item


class ExitsParams(Params):
    """What is raised."""

    kind: str = Field("SystemExit", description="the name of a built-in exception")


class Exits(Actor[ExitsParams]):
    """Raise an exception that is not an error of this node alone."""

    def process(self, item: Data) -> Data:
        print("a last word on stderr", file=sys.stderr, flush=True)
        error: BaseException = getattr(builtins, self.params.kind)("leaving")
        raise error


class HoardParams(Params):
    """What is exported."""

    size: int = Field(0, ge=0, description="bytes of the state")
    fails: bool = Field(False, description="raise an error instead")
    refuses: bool = Field(False, description="raise an error where it is imported")


class Hoard(Actor[HoardParams]):
    """Export a state of some size."""

    def process(self, item: Data) -> Data:
        return item

    def export_state(self) -> bytes:
        if self.params.fails:
            raise RuntimeError("the state is locked")
        return bytes(self.params.size)

    async def import_state(self, state: bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.params.refuses or len(state) != self.params.size:
            raise ValueError("this is not my state")
