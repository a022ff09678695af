"""The outputs of a whole run: the contract has one item per name."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import numpy as np

from actors import Audio, Data, Json, Text

from ..errors import LimitError
from ..links import weight_bytes

_OBJECT_BYTES: Final = weight_bytes(Text(""))
# Of an item without a payload, in a message; its object takes several times that.
_LEAST_BYTES: Final = 64


class RunOutputs:
    """What the sinks of a whole run emit, collected for one message.

    Args:
        most_bytes: that a message may have.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._outputs: defaultdict[str, list[Data]] = defaultdict(list)

    def add(self, node_id: str, items: Iterable[Data]) -> None:
        """Add the items of one output.

        Raises:
            LimitError: all together are longer than a message may be.
        """
        for item in items:
            self._bytes += max(weight_bytes(item) - _OBJECT_BYTES, _LEAST_BYTES)
            self._outputs[node_id].append(item)
        if self._bytes > self._most_bytes:
            raise LimitError(
                f"the outputs of the run have more than {self._most_bytes} bytes, the most that "
                "one message may have (limits.max_message_bytes); use StreamPipeline"
            )

    def named(self) -> dict[str, Data]:
        """Return them by the names under which the contract carries them."""
        named = [named_outputs(node_id, items) for node_id, items in self._outputs.items()]
        return {name: data for each in named for name, data in each.items()}


def named_outputs(node_id: str, outputs: list[Data]) -> dict[str, Data]:
    """Return the outputs of a sink node by name.

    Audio of one format is joined, texts are joined line by line, JSON values become a list. Other
    items have the names `id`, `id#2`, `id#3` and so on, in their order.
    """
    joined = joined_outputs(outputs)
    if joined is not None:
        return {node_id: joined}
    return {
        node_id if number == 1 else f"{node_id}#{number}": data
        for number, data in enumerate(outputs, start=1)
    }


def joined_outputs(outputs: list[Data]) -> Data | None:
    """Return one item with all outputs; None if they cannot be joined."""
    first, *rest = outputs
    if not rest:
        return first
    if isinstance(first, Audio):
        chunks = [each for each in outputs if isinstance(each, Audio)]
        formats = {(each.sample_rate, each.channels, each.samples.dtype) for each in chunks}
        if len(chunks) == len(outputs) and len(formats) == 1:
            samples = np.concatenate([each.samples for each in chunks])
            return Audio(samples, first.sample_rate, first.metadata_json, metadata=first.metadata)
    elif all(isinstance(each, Text) for each in outputs):
        texts = [each for each in outputs if isinstance(each, Text)]
        if len({(each.language, each.channel) for each in texts}) == 1:
            text = "\n".join(each.text for each in texts)
            return Text(text, texts[0].language, texts[0].channel, metadata=first.metadata)
    elif all(isinstance(each, Json) for each in outputs):
        values = [each.text for each in outputs if isinstance(each, Json)]
        schemas = {each.schema_type for each in outputs if isinstance(each, Json)}
        schema = schemas.pop() if len(schemas) == 1 else ""
        return Json.from_text(f"[{', '.join(values)}]", schema, metadata=first.metadata)
    return None
