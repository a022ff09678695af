"""The code of a class that another process cannot import: of a notebook, or of a function."""

import inspect
import io
import linecache
import marshal
import pickle
from collections import ChainMap
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any, ClassVar, Final

import msgspec

from actors import Actor

from ..errors import ConfigError, Fault, described
from .main_module import MAIN
from .modules import attribute_of, import_module, importable_target, split_target

_MOST_BYTES: Final = 32 * 1024 * 1024
_LOCALS: Final = "__pydantic_parent_namespace__"
_ADVICE: Final = "make it in initialize(), or move the class to a module of its own"


class ClassCode(msgspec.Struct, frozen=True):
    """A class by value: its methods, and all that they use and that is not in a module.

    Attributes:
        pickled: the class, for this version of Python only. Never from a client: who loads it
            runs it.
        sources: the text of files that do not exist, such as the cells of a notebook, for
            tracebacks; by their names.
    """

    pickled: bytes
    sources: dict[str, str]

    def load(self, target: str) -> type[Actor[Any]]:
        """Return the class, in another process.

        Raises:
            ConfigError: it uses what this process does not have.
        """
        for name, text in self.sources.items():
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        try:
            found: type[Actor[Any]] = pickle.loads(self.pickled)  # noqa: S301 (see above)
        except Exception as error:
            message = f"cannot be recreated in its node process: {described(error)}; {_ADVICE}"
            raise ConfigError([Fault(target, message)]) from error
        return found


def code_of(actor: type[Actor[Any]]) -> ClassCode:
    """Return the code of a class.

    Raises:
        ConfigError: the class uses what cannot be taken to another process; the message names it.
    """
    subject = f"{actor.__qualname__} is not in a module that a node process could import"
    try:
        pickled, sources = _pickled(actor)
    except Exception as error:
        refused = ((place, value) for place, value in _parts(actor) if _is_refused(value))
        culprit = next((f"{place} is a {type(value).__name__}" for place, value in refused), None)
        reason = culprit or described(error)
        message = f"{subject}, and cannot be sent there by value: {reason}; {_ADVICE}"
        raise ConfigError([Fault(actor.__qualname__, message)]) from error
    if len(pickled) > _MOST_BYTES:
        parts = ((place, value) for place, value in _parts(actor) if not _is_refused(value))
        sizes = {place: len(_pickled(value)[0]) for place, value in parts}
        largest = max(sizes, key=lambda place: sizes[place], default="")
        message = (
            f"{subject}, and is too large to be sent there by value: it has "
            f"{len(pickled) // 2**20} MiB with what it uses, most of it in {largest}; {_ADVICE}"
        )
        raise ConfigError([Fault(actor.__qualname__, message)])
    return ClassCode(pickled, sources)


def _pickled(value: object) -> tuple[bytes, dict[str, str]]:
    """Return a value as bytes, and the sources of its code that are in no file."""
    import cloudpickle  # here, as few applications need it

    sources: dict[str, str] = {}

    def reduce_code(code: CodeType) -> tuple[Any, ...]:
        # Not as cloudpickle reduces it, which takes the file's name out of every traceback.
        name = code.co_filename
        if name not in sources and not Path(name).is_file():
            sources[name] = "".join(linecache.getlines(name))
        return marshal.loads, (marshal.dumps(code),)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it is not typed
        dispatch_table: ClassVar = ChainMap(
            {CodeType: reduce_code, cached_property: _reduce_cached_property},
            cloudpickle.Pickler.dispatch_table,
        )

        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, type | FunctionType) and value.__module__ != MAIN:
                target = importable_target(value)
                if target is not None and split_target(target)[0].endswith(".py"):
                    return _imported, (target,)  # its module is in no folder of sys.path
            return _without_locals(value, super().reducer_override(value))

    file = io.BytesIO()
    Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return file.getvalue(), {name: text for name, text in sources.items() if text}


def _without_locals(value: object, reduced: Any) -> Any:
    """Return how a class is pickled, without the locals of the function that defines it.

    pydantic keeps them in a class of params, for types that it could not resolve yet.
    """
    if isinstance(value, type) and getattr(value, "__pydantic_complete__", False):
        match reduced:
            case (_, _, (dict() as attributes, _), *_):
                attributes[_LOCALS] = None
    return reduced


def _reduce_cached_property(value: "cached_property[Any]") -> tuple[Any, ...]:
    # Up to Python 3.11 it has a lock, which cannot be pickled.
    return _cached_property, (value.func, value.attrname)


def _cached_property(function: Callable[[Any], Any], name: str) -> "cached_property[Any]":
    restored = cached_property(function)
    restored.__set_name__(object, name)
    return restored


def _imported(target: str) -> object:
    """Return a class or a function of a file, in another process."""
    module, path = split_target(target)
    return attribute_of(import_module(module), path, target)


def _is_refused(value: object) -> bool:
    try:
        _pickled(value)
    except Exception:  # noqa: BLE001 (its own code raises what it likes)
        return True
    return False


def _parts(
    owner: object, place: str = "", seen: set[int] | None = None
) -> Iterator[tuple[str, object]]:
    """Iterate over what a class or a function uses, the innermost parts first, each with a name."""
    seen = set() if seen is None else seen
    for name, value in _used_by(owner):
        if id(value) in seen or isinstance(value, ModuleType):
            continue
        seen.add(id(value))
        here = f"{place}{name}"
        if isinstance(value, FunctionType | type) and _is_own(value):
            yield from _parts(value, f"{here}: ", seen)
        yield here, value


def _used_by(owner: object) -> Iterator[tuple[str, object]]:
    if isinstance(owner, type):
        for kind in filter(_is_own, owner.__mro__):
            for name, value in vars(kind).items():
                function = (
                    value.__func__ if isinstance(value, classmethod | staticmethod) else value
                )
                if isinstance(function, FunctionType):
                    yield from _used_by(function)
                elif not name.startswith(("__", "_abc_")) and not isinstance(
                    value, MemberDescriptorType
                ):
                    yield f"the attribute {name}", value
    elif isinstance(owner, FunctionType):
        try:
            used = inspect.getclosurevars(owner)
        except ValueError:  # a variable of its function has no value yet
            return
        for name, value in {**used.globals, **used.nonlocals}.items():
            yield f"{name} of {owner.__name__}()", value


def _is_own(value: object) -> bool:
    """Return whether a class or a function goes by value too, as far as can be seen."""
    module = getattr(value, "__module__", None)
    if isinstance(value, type):
        return module != "builtins" and importable_target(value) is None
    return module == MAIN or "<locals>" in getattr(value, "__qualname__", "")
