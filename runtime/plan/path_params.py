"""Params that name files, folders, URLs and devices: where a client may point them."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ..catalogue.describing import Describer
from ..config import RuntimeConfig
from ..documents import FaultList, resolved
from .plan import NodePlan, Plan

PATH_FORMAT: Final = "path"
"""The `format` in the JSON schema of a param that names a file or a folder."""

INPUT_FORMAT: Final = "media-input"
"""The `format` of a param that names a file, a URL or a device to read media from."""

OUTPUT_FORMAT: Final = "media-output"
"""The `format` of a param that names a file to create."""

OUTPUT_BYTES_FORMAT: Final = "media-output-bytes"
"""The `format` of a param that bounds the bytes of such a file."""

# A name may have folders in it, but none that is hidden, and it leads nowhere else.
_NAME: Final = re.compile(r"\w[\w.+-]*(?:/\w[\w.+-]*)*")
_NAME_HINT: Final = (
    "a client gives a name without a path, such as whisper-tiny, or a path in one of the "
    "operator's folders (runtime.toml, files.roots)"
)
_INPUT_HINT: Final = (
    "a client gives the absolute path of a file in one of the operator's folders (runtime.toml, "
    "files.roots), a URL that the operator has allowed (media.urls), or a device (media.devices)"
)
_OUTPUT_HINT: Final = (
    "a client gives the absolute path of a file in one of the operator's folders for new files "
    "(runtime.toml, media.output_folders)"
)
# Only characters that every parser of URLs takes in the same way, the one in FFmpeg included.
_URL: Final = re.compile(
    r"(?:rtsps?|https?)://(?:[\w.~-]+(?::[\w.~%!$-]*)?@)?(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?"
    r"(?:/[\w.~%!$'()*+,;=:@/-]*)?(?:\?[\w.~%!$'()*+,;=:@/?&-]*)?",
    re.ASCII | re.IGNORECASE,
)
_PORTS: Final = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}


def check_client_places(plan: Plan, describer: Describer, config: RuntimeConfig) -> None:
    """Check the params of a client's manifest that name files, folders, URLs and devices.

    For a file to read, a client gives a name, which the node looks up in the operator's folders, or
    the path of something in one of `files.roots`. What is there is not looked at, so that no client
    learns what exists elsewhere. What a media node reads and creates is allowed by the settings of
    [media].

    Raises:
        ManifestError: a param leads elsewhere; every fault is listed.
    """
    faults = FaultList()
    places = {node.id: index for index, node in enumerate(plan.manifest.nodes)}
    rules = _rules(config)
    most_bytes = config.media.max_output_bytes
    for node in plan.nodes:
        for name, kind, value in _restricted(node, describer):
            if kind == OUTPUT_BYTES_FORMAT:
                if not isinstance(value, int) or value <= most_bytes:
                    continue
                hint = f"got {value}, and the operator allows {most_bytes} (media.max_output_bytes)"
            else:
                is_allowed, hint = rules[kind]
                if not isinstance(value, str) or is_allowed(value):
                    continue
            place = plan.manifest.where(("nodes", places[node.node_id], "params", name))
            faults.add(
                place, f"node {node.node_id!r} ({node.node_type.name}): param {name}: {hint}"
            )
    faults.raise_any()


_Rule = tuple[Callable[[str], bool], str]


def _rules(config: RuntimeConfig) -> dict[str, _Rule]:
    """Return by format what a client may name, and what to do otherwise."""
    roots = [os.path.realpath(root) for root in config.files.roots]
    outputs = [os.path.realpath(folder) for folder in config.media.output_folders]
    media = config.media
    return {
        PATH_FORMAT: (
            lambda value: bool(_NAME.fullmatch(value)) or _is_within(value, roots),
            _NAME_HINT,
        ),
        INPUT_FORMAT: (
            lambda value: (
                value in media.devices
                or any(_is_below(value, url) for url in media.urls)
                or _is_within(value, roots)
            ),
            _INPUT_HINT,
        ),
        OUTPUT_FORMAT: (lambda value: _is_within(value, outputs), _OUTPUT_HINT),
    }


def _restricted(node: NodePlan, describer: Describer) -> Iterator[tuple[str, str, object]]:
    """Yield the name, the format and the value of each param that is not free."""
    if node.remote is not None:
        return  # the other host checks them, by the settings of its operator
    schema = describer.describe(node.node_type).schema
    for name, field in schema.get("properties", {}).items():
        for option in (field, *field.get("anyOf", ())):
            kind = resolved(option, schema).get("format")
            if kind in _FORMATS:
                yield name, kind, node.params.get(name, field.get("default"))
                break


_FORMATS: Final = frozenset({PATH_FORMAT, INPUT_FORMAT, OUTPUT_FORMAT, OUTPUT_BYTES_FORMAT})


def _is_within(path: str, roots: Sequence[str]) -> bool:
    if not os.path.isabs(path) or "\0" in path:
        return False
    real = os.path.realpath(path)
    return any(os.path.commonpath([root, real]) == root for root in roots)


def _is_below(url: str, allowed: str) -> bool:
    """Return whether a URL is the allowed one, or lies below its path on the same server."""
    if not _URL.fullmatch(url):
        return False
    try:
        ours, theirs = urlsplit(allowed), urlsplit(url)
        is_same_server = _server(ours) == _server(theirs)
    except ValueError:  # a port that is none
        return False
    folder = ours.path.rstrip("/")
    segments = re.split(r"[/\\]", unquote(theirs.path))
    return (
        is_same_server
        and not {".", ".."} & set(segments)
        and (theirs.path.rstrip("/") == folder or theirs.path.startswith(folder + "/"))
    )


def _server(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)
