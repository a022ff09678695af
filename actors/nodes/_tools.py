"""Python functions that a language model may call."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ..errors import DefinitionError

_MOST_RESULT_CHARACTERS: Final = 16_384
_MOST_FAULTS: Final = 5
_THREADS: Final = 4
"""Functions of one node that run at the same time, those that were given up included."""


class Tool:
    """A function, with what a model has to know about it.

    Attributes:
        name: under which the model calls it.
        declaration: as the protocol has it: name, description, and the schema of the arguments.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        """Derive the schema of the arguments from the function's signature.

        Raises:
            DefinitionError: the function has no annotated signature that JSON can fill.
        """
        self.name = name
        self._function = function
        self._arguments = _arguments_of(name, function)
        description = inspect.getdoc(function) or ""
        self.declaration: Mapping[str, Any] = {
            "type": "function",
            "function": {
                "name": name,
                "description": description,
                "parameters": self._arguments.model_json_schema(),
            },
        }

    def bind(self, arguments: str) -> Mapping[str, Any]:
        """Return the arguments of a call, checked.

        Raises:
            ValueError: they are no JSON, or do not fit the signature; the message is for the model.
        """
        try:
            checked = self._arguments.model_validate_json(arguments or "{}")
        except ValidationError as error:
            faults = (
                f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
                for each in error.errors(include_url=False, include_input=False)[:_MOST_FAULTS]
            )
            raise ValueError("; ".join(faults)) from None
        return {name: getattr(checked, name) for name in type(checked).model_fields}

    async def call(self, arguments: Mapping[str, Any], limiter: Any) -> str:
        """Call the function, in a worker thread unless it is async; return its result as text."""
        import trio

        if inspect.iscoroutinefunction(self._function):
            result = await self._function(**arguments)
        else:
            result = await trio.to_thread.run_sync(
                lambda: self._function(**arguments), abandon_on_cancel=True, limiter=limiter
            )
        return _as_text(result)


class Toolbox:
    """The tools of one node. Whatever goes wrong in a call is told to the model."""

    def __init__(self, tools: Mapping[str, Callable[..., Any]], timeout_seconds: float) -> None:
        """Create the tools.

        Args:
            tools: functions by name.
            timeout_seconds: how long a call may last.

        Raises:
            DefinitionError: a function cannot be called with JSON.
        """
        import trio

        self._tools = {name: Tool(name, function) for name, function in tools.items()}
        self._timeout_seconds = timeout_seconds
        self._limiter = trio.CapacityLimiter(_THREADS)

    @property
    def declarations(self) -> list[Mapping[str, Any]]:
        """All tools, as the protocol declares them."""
        return [tool.declaration for tool in self._tools.values()]

    async def call(self, name: str, arguments: str) -> tuple[str, str]:
        """Call a tool as the model asks for it.

        Args:
            name: of the tool, as the model wrote it.
            arguments: JSON text, as the model wrote it.

        Returns:
            The result for the model; and the error for the log, empty if there is none.
        """
        import trio

        tool = self._tools.get(name)
        if tool is None:
            return _failed(f"there is no tool {name!r}; tools: {', '.join(self._tools) or 'none'}")
        try:
            bound = tool.bind(arguments)
        except ValueError as error:
            return _failed(f"the arguments do not fit: {error}")
        try:
            with trio.fail_after(self._timeout_seconds):
                return await tool.call(bound, self._limiter), ""
        except trio.TooSlowError:
            return _failed(f"{name} has not returned after {self._timeout_seconds:g} s")
        except Exception as error:  # noqa: BLE001 (the function is its author's code)
            return _failed(f"{name} raised {type(error).__name__}: {error}")


def _failed(reason: str) -> tuple[str, str]:
    reason = reason if len(reason) <= 1000 else f"{reason[:1000]}..."
    return json.dumps({"error": reason}, ensure_ascii=False), reason


def _as_text(result: object) -> str:
    text = (
        result if isinstance(result, str) else json.dumps(result, default=str, ensure_ascii=False)
    )
    # Half of a surrogate pair cannot be sent.
    text = text.encode(errors="replace").decode()
    if len(text) <= _MOST_RESULT_CHARACTERS:
        return text
    return f"{text[:_MOST_RESULT_CHARACTERS]}... (cut, of {len(text)} characters)"


def _arguments_of(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    try:
        signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
    except (TypeError, ValueError, NameError) as error:
        raise DefinitionError(f"tool {name}: its signature cannot be read: {error}") from error
    fields: dict[str, Any] = {}
    for param in signature.parameters.values():
        if param.kind in (param.POSITIONAL_ONLY, param.VAR_POSITIONAL, param.VAR_KEYWORD):
            raise DefinitionError(
                f"tool {name}: a model gives arguments by name, which {param} does not accept"
            )
        if param.name not in hints:
            raise DefinitionError(f"tool {name}: the argument {param.name} has no annotation")
        has_default = param.default is not param.empty
        fields[param.name] = (hints[param.name], param.default if has_default else ...)
    try:
        model = create_model(
            name, __config__=ConfigDict(extra="forbid", protected_namespaces=()), **fields
        )
        model.model_json_schema()
    except Exception as error:
        # pydantic has several classes of errors for a type that it does not know.
        raise DefinitionError(f"tool {name}: JSON cannot fill its arguments: {error}") from error
    return model
