"""Conversion of what a user sends to data items."""

from collections.abc import Collection, Mapping

import numpy as np

from actors import Array, Audio, Bundle, Data, NumpyArray, Text

from ..documents import did_you_mean
from ..errors import InputError, UnknownNodeError
from ..manifest import Manifest, NodeId
from ..wire import DataBuffer
from ..wire.conversion import buffer_of

Sendable = Data | Array | str
"""A data item of `actors`, a numpy array, or text."""


def item_of(value: Sendable, sample_rate: int | None = None) -> Data:
    """Return the item of a value.

    Args:
        value: a data item, which is returned as it is; text, which becomes Text; or an array, which
            becomes a NumpyArray, or Audio if there is a sample rate.
        sample_rate: the sample rate of an array of audio, in Hz. The shape is then (samples,) or
            (samples, channels).

    Raises:
        InputError: the value is of another type.
        DataError: the dtype or shape of an array is not valid.

    >>> item_of(np.zeros(160, np.int16), sample_rate=16000).duration_seconds
    0.01
    """
    if sample_rate is not None and not isinstance(value, np.ndarray):
        raise InputError(f"sample_rate is for an array of audio; got {type(value).__name__}")
    if isinstance(value, Data):
        return value
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, np.ndarray):
        # A view: the item makes its array read-only, and the caller's must stay writable. The bytes
        # are sent or copied before `send` returns.
        view = value.view()
        return NumpyArray(view) if sample_rate is None else Audio(view, sample_rate)
    raise InputError(
        f"got {type(value).__name__}; send an item of `actors` such as Audio, Text or Json, "
        "a numpy array, or text"
    )


def input_buffers(
    inputs: Sendable | Mapping[str, Sendable], manifest: Manifest
) -> dict[str, DataBuffer]:
    """Return the inputs of a run by node id.

    Args:
        inputs: a value for each node, or one value for all source nodes.
        manifest: the manifest of the pipeline.

    Raises:
        InputError: a value cannot be sent. A bundle cannot: the contract has no field for it.
        UnknownNodeError: the pipeline has no such node.
    """
    if not isinstance(inputs, Mapping):
        buffer = _input_buffer(inputs)
        return dict.fromkeys(source_nodes(manifest), buffer)
    for node in inputs:
        check_node(node, [each.id for each in manifest.nodes])
    return {node: _input_buffer(each, node) for node, each in inputs.items()}


def source_nodes(manifest: Manifest) -> list[NodeId]:
    """Return the nodes without a predecessor."""
    targets = {each.target for each in manifest.connections}
    return [node.id for node in manifest.nodes if node.id not in targets]


def check_node(node: str, nodes: Collection[str]) -> None:
    """Check that a pipeline has a node.

    Raises:
        UnknownNodeError: it does not.
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
