"""The operator's functions that a language model may call."""

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ConfigError, Fault
from .modules import attribute_of, import_module, split_target


class ToolFinder:
    """Imports the functions of one node by their names, when the node asks for them."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        """Create the finder.

        Args:
            targets: "module:function" by name.
        """
        self._targets = targets

    def __call__(self, name: str) -> Callable[..., Any]:
        """Return a function.

        Raises:
            LookupError: the node has no tool of that name.
            ConfigError: it cannot be imported, or is no function.
        """
        if name not in self._targets:
            raise LookupError(f"the params of this node name no tool {name!r}")
        target = self._targets[name]
        module_name, path = split_target(target)
        subject = f"tools.{name}"
        found = attribute_of(import_module(module_name, subject=subject), path, target)
        if not callable(found):
            raise ConfigError([Fault(subject, f"{path} is a {type(found).__name__}, no function")])
        return found
