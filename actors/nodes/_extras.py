"""Libraries that come with an extra of the distribution, imported when a node gets ready."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType


def import_speech(module: str, node_type: str) -> ModuleType:
    """Import a library of the `speech` extra.

    Raises:
        ImportError: it cannot be imported; the message has the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(module, node_type, f" ({error})") from error


def find_speech_package(package: str, node_type: str) -> Path:
    """Return the folder of a package of the `speech` extra, without importing the package.

    Raises:
        ImportError: it is not installed; the message has the line that installs it.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _missing(package, node_type)
    return Path(spec.submodule_search_locations[0])


def _missing(module: str, node_type: str, detail: str = "") -> ImportError:
    return ImportError(
        f"{node_type} needs the library {module}, which cannot be imported{detail}; "
        'install it with: pip install "millrace-runtime[speech]"',
        name=module,
    )
