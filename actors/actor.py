"""The contract between an actor and its executor."""

from collections.abc import AsyncIterable, Awaitable, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from .batch import Batch
from .batched_calls import process_alone
from .context import Context, Output
from .data import Control
from .definition import check_actor_class, defines_state, is_batched, params_type_of
from .errors import DefinitionError
from .intervals import intervals_of
from .kinds import ANY_KIND, Kind
from .params import NoParams, Params

P = TypeVar("P", bound=Params)

State = Any
"""What `export_state` returns: None, bool, int, float, str, bytes, numpy arrays, data items, lists,
and dicts with text as keys."""

Outputs = Output | None | Iterable[Output] | AsyncIterable[Output] | Awaitable[Output | None]
"""The return value of `process`, `flush` and `generate`: nothing, one item, or many; direct or
awaitable."""


class Actor(Generic[P]):
    """One node of a pipeline.

    Subclass it with your params and define `process`, or `generate` for a source; everything else
    is optional. The same class runs as a task of the server and in a process of its own. Every hook
    may be `def` or `async def`; `process`, `flush` and `generate` may also be generators, whose
    items are sent as they are yielded.

    One instance serves one session, and its hooks never run at the same time. An exception of a
    hook ends the whole session with an error that names the node.

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
        accepts: the kinds of items that `process` accepts; an item of another kind is an error
            before `process` is called.
        produces: the kinds that `process` returns; another kind is an error that names the actor.
            An actor that declares `accepts` must declare `produces` too.
        loop: "trio", or "asyncio" for a `class MyNode(Actor[Params], loop="asyncio")`, whose hooks
            may await what needs asyncio. All of its calls run in one asyncio task, in both
            executors. A cancellation, as of a barge-in, reaches them as asyncio.CancelledError.
        runs_in_thread: set it if a native actor computes for more than about a millisecond. Its
            hooks then run in a worker thread, one at a time, and do not block the event loop. It
            has no effect in a process of its own.
        process_timeout_secs: how long one call may last before the node counts as hung; None for
            the runtime's default, 300 s. The operator and the manifest override it.
        batch: set it if `process` works better on several items at once. It then gets a list of
            items, and its outputs have sequence and timestamp of the last item of the list.
        stateless: set it if the outputs of an item depend on this item and the params only, so that
            `flush` emits nothing. A stream whose nodes all say so may move to another server when
            its own shuts down. A subclass declares it itself.
        moves_state: whether the class defines `export_state` and `import_state`, so that a stream
            may move with its state. It is set when the class is defined. A subclass that defines
            other hooks has to define both again: it may remember more.
        is_source: whether the class defines `generate`. It is set likewise.
        intervals: the methods with `@on_interval`, and their intervals. It is set likewise.
        preload_params: the names of the params that `preload` reads.
        is_batched: whether the class defines `process_batch`, and no subclass has changed
            `process`, `flush` or `on_control` since. It is set when the class is defined.
        params: the checked params.
        context: the node's id, progress reports, loans, background tasks, and a logger.
    """

    params_type: ClassVar[type[Params]] = NoParams
    accepts: ClassVar[frozenset[Kind]] = ANY_KIND
    produces: ClassVar[frozenset[Kind]] = ANY_KIND
    loop: ClassVar[Literal["trio", "asyncio"]] = "trio"
    runs_in_thread: ClassVar[bool] = False
    process_timeout_secs: ClassVar[float | None] = None
    batch: ClassVar[Batch | None] = None
    stateless: ClassVar[bool] = False
    moves_state: ClassVar[bool] = False
    is_source: ClassVar[bool] = False
    intervals: ClassVar[Mapping[str, float | str]] = {}
    preload_params: ClassVar[frozenset[str]] = frozenset()
    is_batched: ClassVar[bool] = False

    params: P
    context: Context
    _alone: tuple[Any] | None = None

    def __init_subclass__(
        cls, *, loop: Literal["trio", "asyncio"] | None = None, **kwargs: Any
    ) -> None:
        """Find the class of the params in `Actor[...]`, and check the declarations of the class.

        Raises:
            DefinitionError: kinds, params, a hook or another attribute are declared wrongly.
        """
        super().__init_subclass__(**kwargs)
        if loop is not None:
            cls.loop = loop
        for base in getattr(cls, "__orig_bases__", ()):
            params_type = params_type_of(cls, base)
            if params_type is not None:
                cls.params_type = params_type
        if "stateless" not in vars(cls):
            cls.stateless = False  # a subclass may have added state
        cls.is_source = cls.generate is not Actor.generate
        cls.is_batched = is_batched(cls, Actor)
        cls.intervals = intervals_of(cls)
        cls.moves_state = defines_state(cls, Actor)
        check_actor_class(cls)
        declares = [kind for kind in cls.__mro__ if kind is not Actor and "produces" in vars(kind)]
        if (cls.accepts != ANY_KIND or cls.is_source) and not declares:
            hook = "generate() yields" if cls.is_source else "process() returns"
            raise DefinitionError(
                f"{cls.__qualname__}.produces is missing: declare the kinds that {hook}, such as "
                "frozenset({Kind.TEXT}), frozenset() for none, or ANY_KIND"
            )

    def __init__(self, params: P | None = None, *, context: Context | None = None) -> None:
        """Store params and context. Load models and open devices in `initialize`.

        Raises:
            pydantic.ValidationError: no params are given, and one of them has no default.
        """
        self.params = cast(P, self.params_type()) if params is None else params
        self.context = Context() if context is None else context

    @classmethod
    def preload(cls, params: Any) -> Mapping[Hashable, object] | None:
        """Load in a template process what node processes of this type start with.

        Where the operator allows it (`multiprocess.preload`), a template is kept for each set of
        the params in `preload_params`, and node processes are forked from it: they have the modules
        that it has imported, and the resources that it returns. It must start no thread, use no GPU
        and keep no file open; a template that does is not used.

        Args:
            params: those of `preload_params`; the others have their defaults.

        Returns:
            resources by their keys, which `self.context.shared` or `self.context.preloaded`
            returns.
        """
        return None

    def initialize(self) -> Awaitable[None] | None:
        """Load models and open devices. Report progress with `self.context.progress`."""

    def process(self, item: Any) -> Outputs:
        """Process one item, or a list if `batch` is set; return nothing, one item or many."""
        if self._has_batches():
            name, state = type(self).__name__, self._own_state()
            return cast(Outputs, process_alone(name, self.process_batch, state, item))
        raise NotImplementedError(f"{type(self).__name__} must define process()")

    def generate(self) -> Outputs:
        """Generate the items of a source: a node that reads no other.

        Define it, in place of `process`, for a camera, a file, a clock or a message bus. It is
        called once, when every node is ready and the session's results are awaited. Use a
        generator: the next item is requested when the readers have room for it, and the end of the
        generator ends the stream. A plain `def` runs in a worker thread, so it may block.

        The items are numbered from 0. The timestamp of an item is the time since `generate` was
        called, in milliseconds; yield a `Timestamped` to give another one.

        When the session's client stops the sources, or the session is cancelled, `generate` is
        cancelled where it awaits, and closed where it has yielded. A plain generator is closed as
        soon as it returns from the call that blocks.

        >>> from actors import Actor, Json, Kind, NoParams
        >>> class CountdownNode(Actor[NoParams]):
        ...     '''Count from 3 to 1.'''
        ...     produces = frozenset({Kind.JSON})
        ...     async def generate(self):
        ...         for number in (3, 2, 1):
        ...             yield Json(number)
        >>> CountdownNode.is_source
        True
        """
        raise NotImplementedError(f"{type(self).__name__} must define generate() or process()")

    def on_control(self, control: Control) -> Awaitable[None] | None:
        """Handle a control message, which overtakes the items that wait.

        It is called between two items, never while `process` runs. For a CancelSpeculation the
        runtime has already dropped the waiting items of that time span, and has cancelled a
        `process` that was working on one: an async `process` is cancelled where it awaits, a
        generator is closed between two items, and the outputs of any other are dropped when it
        returns. Discard here what the actor has collected from such items. Readers downstream are
        notified too. A Control without a message arrives in order with the items.

        If `accepts` contains Kind.CONTROL and is not ANY_KIND, `process` gets control messages too,
        in order with the items.
        """
        if self._has_batches():
            return self.on_state_control(self._own_state(), control)
        return None

    def flush(self) -> Outputs:
        """Return the remaining outputs at the end of the stream."""
        return self.flush_state(self._own_state()) if self._has_batches() else None

    def export_state(self) -> State | Awaitable[State]:
        """Return what the node remembers, so that another session can go on with it.

        Define it with `import_state`, so that streams with this node may move to another server. It
        is called in place of `flush`, after the last item: what `flush` would emit is part of the
        state. The state consists of None, bool, int, float, str, bytes, numpy arrays, data items,
        lists, and dicts with text as keys. It passes through the client, which can read it and not
        change it: leave secrets out. The operator limits its size (`limits.max_state_bytes`).

        >>> from actors import Actor, Json, NoParams
        >>> class CountNode(Actor[NoParams]):
        ...     '''Count the items.'''
        ...     count = 0
        ...     def process(self, item):
        ...         self.count += 1
        ...         return Json(self.count)
        ...     def export_state(self):
        ...         return self.count
        ...     def import_state(self, state):
        ...         self.count = state
        >>> CountNode.moves_state
        True
        """
        raise NotImplementedError(f"{type(self).__name__} does not define export_state()")

    def import_state(self, state: Any) -> Awaitable[None] | None:
        """Take over the state that `export_state` of another session's node returned.

        It is called at most once, after `initialize` and before the first item, with the same
        params. Tuples have become lists. Arrays are read-only.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define import_state()")

    def cleanup(self) -> Awaitable[None] | None:
        """Release all resources; called once, also after an error or a cancellation."""

    def open_state(self, context: Context) -> Any:
        """Return what a batched node keeps for one session: an object of any type.

        It is dropped when the session ends. This hook is a plain `def`: what takes long belongs
        into `initialize`. See `process_batch`.

        Args:
            context: of the session's node: ids, log, loans, `emit`, and the sequence and the
                timestamp of the item that is being processed.
        """
        return None

    def process_batch(self, work: Sequence[tuple[Any, Any]]) -> Any:
        """Process one item of each of several sessions in one call.

        Define it, with `open_state`, for a model that computes a batch in less time than its items
        one by one. If the operator lets sessions share a host of this type (`executors.shared`),
        one instance of the actor serves all of those with equal params: `initialize` and `cleanup`
        are called once, `open_state` for each session. Everything that belongs to a session is in
        its state. Elsewhere one instance has one session; there `process`, `flush` and `on_control`
        call this method, `flush_state` and `on_state_control`, unless the class defines them too.

        An entry with an exception in place of its outputs ends its session alone. If the call
        raises, each entry is given to another call, alone, to find the one that it cannot process.
        So change a state only when nothing can fail any more.

        >>> from actors import Actor, Context, Json, Kind, NoParams
        >>> class SumNode(Actor[NoParams]):
        ...     '''Sum the numbers of a session.'''
        ...     accepts = produces = frozenset({Kind.JSON})
        ...     def open_state(self, context: Context) -> list[float]:
        ...         return [0.0]
        ...     def process_batch(self, work):
        ...         sums = [total[0] + item.value for total, item in work]
        ...         for (total, _), new in zip(work, sums):
        ...             total[0] = new
        ...         return [Json(new) for new in sums]
        >>> node = SumNode()
        >>> node.process(Json(2.5)).value, node.process(Json(4)).value
        (2.5, 6.5)

        Args:
            work: the state of each session, and its item; each session has at most one entry.

        Returns:
            one entry for each of `work`, in its order: what `process` would return, or an
            exception. Outputs of a generator are requested after the call, one by one, while other
            sessions go on. An `async def` may return the list too.
        """
        raise NotImplementedError(f"{type(self).__name__} must define process_batch()")

    def flush_state(self, state: Any) -> Outputs:
        """Return the remaining outputs of a session, at the end of its stream: see `flush`."""
        return None

    def on_state_control(self, state: Any, control: Control) -> Awaitable[None] | None:
        """Handle a control message of a session: see `on_control`."""

    @classmethod
    def can_process(cls) -> bool:
        """Return whether the class defines `process`, `process_batch` or `generate`."""
        return cls.process is not Actor.process or cls._has_batches() or cls.is_source

    @classmethod
    def _has_batches(cls) -> bool:
        return cls.process_batch is not Actor.process_batch

    def _own_state(self) -> Any:
        """Return the state of the one session of an instance that shares nothing."""
        if self._alone is None:
            self._alone = (self.open_state(self.context),)
        return self._alone[0]
