"""What a user may send, as data items."""

from collections.abc import Collection, Mapping

import numpy as np

from actors import Array, Audio, Bundle, Data, NumpyArray, Text

from ..documents import did_you_mean
from ..errors import InputError, UnknownNodeError
from ..manifest import Manifest, NodeId
from ..wire import DataBuffer
from ..wire.conversion import buffer_of

Sendable = Data | Array | str
"""An item of `actors`, a numpy array, or text."""


def item_of(value: Sendable, sample_rate: int | None = None) -> Data:
    """Return the item that a value stands for.

    Args:
        value: an item stands for itself, text for Text, an array for a NumpyArray; or, where there
            is a sample rate, for Audio of shape (frames,) or (frames, channels).
        sample_rate: of an array that is audio, in Hz.

    Raises:
        InputError: it is nothing of that.
        DataError: an array of that dtype or shape is no such item.

    >>> item_of(np.zeros(160, np.int16), sample_rate=16000).duration_seconds
    0.01
    """
    if sample_rate is not None and not isinstance(value, np.ndarray):
        raise InputError(f"sample_rate says that an array is audio; got {type(value).__name__}")
    if isinstance(value, Data):
        return value
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, np.ndarray):
        # A view, or the item would close the caller's own array to writing. Its bytes are on their
        # way before the caller has it back.
        view = value.view()
        return NumpyArray(view) if sample_rate is None else Audio(view, sample_rate)
    raise InputError(
        f"got {type(value).__name__}; send an item of `actors` such as Audio, Text or Json, "
        "a numpy array, or text"
    )


def input_buffers(
    inputs: Sendable | Mapping[str, Sendable], manifest: Manifest
) -> dict[str, DataBuffer]:
    """Return what a whole run is given: an item per node, or one item for all source nodes.

    Args:
        inputs: a mapping of node id to what may be sent, or just that.
        manifest: of the pipeline.

    Raises:
        InputError: a value cannot be sent, or is a bundle, for which the contract has no place.
        UnknownNodeError: there is no such node.
    """
    if not isinstance(inputs, Mapping):
        buffer = _input_buffer(inputs)
        return dict.fromkeys(source_nodes(manifest), buffer)
    for node in inputs:
        check_node(node, [each.id for each in manifest.nodes])
    return {node: _input_buffer(each, node) for node, each in inputs.items()}


def source_nodes(manifest: Manifest) -> list[NodeId]:
    """Return the nodes that read no other."""
    targets = {each.target for each in manifest.connections}
    return [node.id for node in manifest.nodes if node.id not in targets]


def check_node(node: str, nodes: Collection[str]) -> None:
    """Check that a pipeline has a node.

    Raises:
        UnknownNodeError: it has not.
    """
    if node not in nodes:
        hint = did_you_mean(node, nodes, or_else="it has")
        raise UnknownNodeError(f"the pipeline has no node {node!r}; {hint}")


def _input_buffer(value: Sendable, node: str = "") -> DataBuffer:
    data = item_of(value)
    if isinstance(data, Bundle):
        where = f" for node {node!r}" if node else ""
        raise InputError(f"a bundle{where} cannot be the input of a run; open a stream for it")
    return buffer_of(data)
