"""Libraries of the distribution's extras, imported when a node gets ready."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType


def import_library(module: str, *, extra: str, node_type: str) -> ModuleType:
    """Import a library of an extra.

    Raises:
        ImportError: it cannot be imported; the message has the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(module, extra, node_type, f" ({error})") from error
    except (MemoryError, OSError):
        raise
    except Exception as error:
        # A library that fits to another version of a second one fails in many ways.
        detail = f" ({type(error).__name__}: {error})"
        raise _missing(module, extra, node_type, detail) from error


def find_package(package: str, *, extra: str, node_type: str) -> Path:
    """Return the folder of a package of an extra, without importing the package.

    Raises:
        ImportError: it is not installed; the message has the line that installs it.
    """
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # sys.modules has a module without a spec
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise _missing(package, extra, node_type)
    return Path(spec.submodule_search_locations[0])


def _missing(module: str, extra: str, node_type: str, detail: str = "") -> ImportError:
    return ImportError(
        f"{node_type} needs the library {module}, which cannot be imported{detail}; "
        f'install it with: pip install "millrace-runtime[{extra}]"',
        name=module,
    )
