"""The contract between an actor and whatever runs it."""

from collections.abc import AsyncIterable, Awaitable, Iterable
from typing import Any, ClassVar, Generic, TypeVar, cast

from .batch import Batch
from .context import Context
from .data import Control, Data
from .definition import check_actor_class, params_type_of
from .errors import DefinitionError
from .kinds import ANY_KIND, Kind
from .params import NoParams, Params

P = TypeVar("P", bound=Params)

Outputs = Data | None | Iterable[Data] | AsyncIterable[Data] | Awaitable[Data | None]
"""What `process` and `flush` may return: nothing, one item, or many; at once or awaited."""


class Actor(Generic[P]):
    """One node of a pipeline.

    Subclass it with your parameters and write `process`; everything else is optional. An actor
    does not know where it runs: the same class works as a task of the server and in a process of
    its own. Every hook may be `def` or `async def`; `process` and `flush` may also be generators,
    which send each item on as it is yielded.

    One instance lives for one session and is never called by two callers at once. Any exception
    ends the whole session with an error that names this node.

    >>> from actors import Actor, Json, Kind, Params
    >>> class DoubleNode(Actor[Params]):
    ...     '''Double a number.'''
    ...     accepts = frozenset({Kind.JSON})
    ...     produces = frozenset({Kind.JSON})
    ...     def process(self, item: Json) -> Json:
    ...         return Json(item.value * 2)
    >>> DoubleNode().process(Json(4)).value
    8

    Attributes:
        accepts: the kinds that `process` takes; another one is an error before `process` is called.
        produces: the kinds that it returns; another kind is an error that names the actor.
        runs_in_thread: set True where a native actor computes for more than a millisecond or so:
            its hooks then run in a worker thread, one at a time, and the server's loop stays free.
            In a process of its own it changes nothing.
        batch: set it where `process` works better on several items at once: it gets a list of
            them then. What it returns carries the marks of the last item of the list.
        params: the checked parameters.
        context: the node's place: its id, progress, loans, a logger.
    """

    params_type: ClassVar[type[Params]] = NoParams
    accepts: ClassVar[frozenset[Kind]] = ANY_KIND
    produces: ClassVar[frozenset[Kind]] = ANY_KIND
    runs_in_thread: ClassVar[bool] = False
    batch: ClassVar[Batch | None] = None

    params: P
    context: Context

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Find the class of the params in `Actor[...]`, and check the declarations of the class.

        Raises:
            DefinitionError: kinds, params, a hook or another attribute are declared wrongly.
        """
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            params_type = params_type_of(cls, base)
            if params_type is not None:
                cls.params_type = params_type
        check_actor_class(cls)
        declares = [kind for kind in cls.__mro__ if kind is not Actor and "produces" in vars(kind)]
        if cls.accepts != ANY_KIND and not declares:
            raise DefinitionError(
                f"{cls.__qualname__}.produces is missing: declare the kinds that process() "
                "returns, such as frozenset({Kind.TEXT}), frozenset() for none, or ANY_KIND"
            )

    def __init__(self, params: P | None = None, *, context: Context | None = None) -> None:
        """Take the parameters; do the work of getting ready in `initialize`.

        Raises:
            pydantic.ValidationError: no parameters given, and some have no default.
        """
        self.params = cast(P, self.params_type()) if params is None else params
        self.context = Context() if context is None else context

    def initialize(self) -> Awaitable[None] | None:
        """Get ready: load models, open devices. Report with `self.context.progress`."""

    def process(self, item: Any) -> Outputs:
        """Take one item, or a list if `batch` is set; return nothing, one item or many."""
        raise NotImplementedError(f"{type(self).__name__} must define process()")

    def on_control(self, control: Control) -> Awaitable[None] | None:
        """Take note of a control message; it comes past all items that wait.

        It is never called while `process` runs, but before the next item. For a CancelSpeculation
        the runtime has done the rest by then: what waits of that time span is dropped, and a
        `process` that was working on it is cancelled. An async one is cancelled where it awaits, a
        generator is closed between two items, anything else comes to its end, and what it returns
        is dropped. Let go here of what was collected from these items. Readers downstream are told
        as well. A Control without a message comes in its turn among the items.

        `process` gets control messages too, in their turn, if `accepts` names Kind.CONTROL and is
        not ANY_KIND.
        """

    def flush(self) -> Outputs:
        """Return what is still held, at the end of the stream."""
        return None

    def cleanup(self) -> Awaitable[None] | None:
        """Let go of everything; called once, also after an error or a cancellation."""
