"""Checks of an actor class and of its params, when they are defined.

What an author has declared wrongly is reported by class and attribute, as an error of the class and
never of the manifest that uses it.
"""

import inspect
from typing import Any, Final, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from .batch import Batch
from .errors import DefinitionError
from .kinds import Kind
from .params import Params

# Hook -> how it is called, without self. Every hook may be `def` or `async def`.
_HOOKS: Final = {
    "initialize": (),
    "process": ("item",),
    "on_control": ("control",),
    "generate": (),
    "flush": (),
    "export_state": (),
    "import_state": ("state",),
    "cleanup": (),
    "open_state": ("context",),
    "process_batch": ("work",),
    "flush_state": ("state",),
    "on_state_control": ("state", "control"),
}
# What a batched host does not call: it has hooks of its own for sessions.
_OF_ONE_SESSION: Final = ("process", "flush", "on_control")
_STATE_HOOKS: Final = frozenset({"export_state", "import_state"})


def check_actor_class(actor: type) -> None:
    """Check the declarations in the body of an actor class.

    Raises:
        DefinitionError: one is wrong; the message names class and attribute.
    """
    declared = vars(actor)
    for name in ("accepts", "produces"):
        if name in declared:
            setattr(actor, name, _kinds(actor, name, declared[name]))
    if "batch" in declared and not isinstance(declared["batch"], Batch | None):
        example = "Batch(items=8, seconds=0.02)"
        raise _wrong(actor, "batch", f"got {declared['batch']!r}; expected {example} or None")
    timeout = declared.get("process_timeout_secs")
    if timeout is not None and not _is_timeout(timeout):
        raise _wrong(
            actor,
            "process_timeout_secs",
            f"got {timeout!r}; expected seconds, more than 0 and at most 86400, or None",
        )
    for name in ("runs_in_thread", "stateless"):
        if not isinstance(declared.get(name, False), bool):
            raise _wrong(actor, name, "expected True or False")
    loop = getattr(actor, "loop", "trio")
    if loop not in ("trio", "asyncio"):
        raise _wrong(actor, "loop", f'got {loop!r}; expected "trio" or "asyncio"')
    if loop == "asyncio" and getattr(actor, "runs_in_thread", False):
        raise _wrong(
            actor,
            "runs_in_thread",
            'hooks of an actor with loop="asyncio" run in the thread of its event loop; call what '
            "computes with asyncio.to_thread()",
        )
    generate = getattr(actor, "generate", None)
    if loop == "asyncio" and inspect.isgeneratorfunction(generate):
        raise _wrong(actor, "generate", 'expected an async def, since the class has loop="asyncio"')
    for name, arguments in _HOOKS.items():
        if name in declared:
            _check_hook(actor, name, arguments)
    _check_intervals(actor)
    _check_state(actor)
    if getattr(actor, "is_source", False):
        _check_source(actor)
    _check_constructor(actor)
    if "process_batch" in declared:
        _check_batched(actor)


def is_batched(actor: type, root: type) -> bool:
    """Return whether hosts may run an actor class: all that it does is in `process_batch`.

    Args:
        actor: the class.
        root: `Actor`.
    """
    place = _place(actor, "process_batch")
    if actor.__mro__[place] is root:
        return False
    return not any(_place(actor, hook) < place for hook in _OF_ONE_SESSION)


def _place(actor: type, name: str) -> int:
    """Return which of the classes of an actor, itself first, defines a hook."""
    return next(at for at, kind in enumerate(actor.__mro__) if name in vars(kind))


def _check_batched(actor: Any) -> None:
    """Check a class with `process_batch`, whose sessions share one instance and one event loop."""
    if inspect.iscoroutinefunction(actor.open_state):
        raise _wrong(actor, "open_state", "expected a plain def; await in initialize()")
    for is_wrong, name, what in (
        (actor.is_source, "process_batch", "a source, which defines generate(), has no inputs"),
        (actor.batch is not None, "batch", "process_batch() takes one item of each session"),
        (bool(actor.intervals), "process_batch", "a method with @on_interval has no session there"),
        (actor.loop != "trio", "loop", "hosts of several sessions run on trio"),
    ):
        if is_wrong:
            raise _wrong(actor, name, f"{what}; leave one of the two out")


def defines_state(actor: type, root: type) -> bool:
    """Return whether a class can export and import its state.

    A class that adds hooks or intervals to those of another one may remember more than that one.

    Args:
        actor: the class.
        root: `Actor`.
    """
    for kind in actor.__mro__:
        declared = vars(kind)
        if kind is root:
            return False
        if declared.keys() >= _STATE_HOOKS:
            return True
        if declared.keys() & {*_HOOKS, "__init__"} or declared.get("intervals"):
            return False
    return False


def _check_state(actor: Any) -> None:
    """Check that a class which defines one of the hooks of its state defines both."""
    defined = _STATE_HOOKS & vars(actor).keys()
    if not defined:
        return
    if actor.is_source:
        raise _wrong(
            actor,
            min(defined),
            "a source cannot move to another server: leave export_state() and import_state() out",
        )
    for name in _STATE_HOOKS - defined:
        raise _wrong(actor, name, f"is missing: define it too, since {min(defined)}() is defined")
    if actor.stateless:
        raise _wrong(actor, "stateless", "a class with export_state() has a state; leave it out")


def _check_source(actor: Any) -> None:
    """Check a class with `generate`, and declare that it accepts nothing."""
    for name in ("process", "accepts", "batch"):
        declarer = next(kind for kind in actor.__mro__ if name in vars(kind))
        is_default = declarer.__module__ == f"{__package__}.actor"
        if not is_default and vars(declarer)[name] not in (None, frozenset()):
            raise _wrong(
                actor,
                name,
                "a source, which defines generate(), has no inputs: leave it out, or define "
                "process() in place of generate()",
            )
    if actor.stateless:
        raise _wrong(actor, "stateless", "a source has a state: what comes next; leave it out")
    actor.accepts = frozenset()


def _check_intervals(actor: Any) -> None:
    """Check the methods with `@on_interval`."""
    for name, seconds in actor.intervals.items():
        if name in _HOOKS:
            raise _wrong(actor, name, "a hook cannot be called at an interval too; add a method")
        if actor.is_source:
            raise _wrong(
                actor, name, "a source has no intervals: sleep in generate(), or start a task"
            )
        _check_hook(actor, name, ())
        if isinstance(seconds, str):
            if seconds not in actor.params_type.model_fields:
                raise _wrong(actor, name, f"@on_interval({seconds!r}): there is no such param")
        elif not _is_timeout(seconds):
            raise _wrong(
                actor,
                name,
                f"@on_interval({seconds!r}): expected seconds, more than 0 and at most 86400, or "
                "the name of a param",
            )


def _is_timeout(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 86_400


def params_type_of(actor: type, base: object) -> type[Params] | None:
    """Return the class of params in `Actor[...]`; None if the base has none.

    Raises:
        DefinitionError: it is not a subclass of Params.
    """
    origin = get_origin(base)
    if not isinstance(origin, type) or not hasattr(origin, "params_type"):
        return None
    (argument, *_) = get_args(base)
    if isinstance(argument, TypeVar):
        return None
    if isinstance(argument, type) and issubclass(argument, Params):
        return argument
    name = getattr(argument, "__name__", None) or getattr(argument, "__forward_arg__", argument)
    raise DefinitionError(
        f"{actor.__qualname__}: {origin.__name__}[{name}]: expected a class that is derived from "
        f"Params, such as class {name}(Params)"
    )


def faults_of_defaults(params: type[Params]) -> list[str]:
    """Return what is wrong with the defaults of params; each fault names class and param."""
    values = {name: _default(field) for name, field in params.model_fields.items()}
    given = {name: value for name, value in values.items() if value is not _NONE}
    try:
        params.model_validate(given)
    except ValidationError as error:
        details = {str(detail["loc"][0]): detail for detail in error.errors() if detail["loc"]}
    except Exception as error:  # noqa: BLE001 (a validator is its author's code)
        return [f"{params.__qualname__}: a validator raised {type(error).__name__}: {error}"]
    else:
        return _faults_of_json(params, given)
    names = {field.alias or name: name for name, field in params.model_fields.items()}
    return [
        f"{params.__qualname__}.{name}: the default {given[name]!r} is not a valid value: "
        + _reason(detail["msg"], given[name])
        for key, detail in details.items()
        if (name := names.get(key, key)) in given
    ]


def _faults_of_json(params: type[Params], given: dict[str, Any]) -> list[str]:
    """Return a fault for each valid default that JSON cannot carry: params travel as JSON."""
    faults = []
    for name, value in given.items():
        try:
            params.model_construct(**given).model_dump(mode="json", include={name}, warnings=False)
        except ValueError:  # of which pydantic derives its own
            faults.append(
                f"{params.__qualname__}.{name}: the default {value!r} cannot be written as JSON; "
                "give a default of a type that JSON has, or None"
            )
    return faults


def _reason(message: str, value: object) -> str:
    reason = message.removeprefix("Value error, ").replace("Input should", "it should")
    if isinstance(value, float) and value - value != 0:
        reason += "; JSON has no infinity and no NaN, use None for a missing value"
    return reason


_NONE: Final = object()


def _default(field: FieldInfo) -> object:
    if field.is_required():
        return _NONE
    if field.default_factory is None:
        return field.default
    try:
        return field.get_default(call_default_factory=True, validated_data={})
    except Exception:  # noqa: BLE001 (the factory is its author's code; it may need other params)
        return _NONE


def _kinds(actor: type, name: str, value: Any) -> frozenset[Kind]:
    if isinstance(value, Kind):
        hint = f"{name} = frozenset({{{value}}})"
        raise _wrong(actor, name, f"got {value}; expected a set of kinds: {hint}")
    if not isinstance(value, set | frozenset) or not all(isinstance(kind, Kind) for kind in value):
        example = "frozenset({Kind.TEXT})"
        raise _wrong(actor, name, f"got {value!r}; expected a set of kinds, such as {example}")
    return frozenset(value)


def _check_hook(actor: type, name: str, arguments: tuple[str, ...]) -> None:
    hook = inspect.getattr_static(actor, name)
    form = f"def {name}({', '.join(('self', *arguments))})"
    function = hook.__func__ if isinstance(hook, staticmethod | classmethod) else hook
    if not callable(function):
        raise _wrong(actor, name, f"got {hook!r}; expected a method: {form}")
    given = arguments if isinstance(hook, staticmethod) else ("self", *arguments)
    _check_call(actor, name, function, form, given)


def _check_constructor(actor: type) -> None:
    if "__init__" in vars(actor):
        form = "def __init__(self, params=None, *, context=None), or use initialize(self)"
        names = {"context": None}
        _check_call(actor, "__init__", vars(actor)["__init__"], form, ("self", "params"), names)


def _check_call(
    actor: type,
    name: str,
    function: Any,
    form: str,
    given: tuple[str, ...],
    named: dict[str, None] | None = None,
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # a callable without a Python signature; calling it will show
    try:
        signature.bind(*given, **(named or {}))
    except TypeError:
        raise _wrong(actor, name, f"got {name}{signature}; expected {form}") from None


def _wrong(actor: type, attribute: str, message: str) -> DefinitionError:
    return DefinitionError(f"{actor.__qualname__}.{attribute}: {message}")
