"""Data buffers of any values: an item that links and results can carry, or an InputError."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from hypothesis import strategies as st

from runtime.errors import MAX_ERROR_CHARACTERS, InputError
from runtime.links import Item
from runtime.links.shared import item_bytes, item_of_bytes
from runtime.wire import DataBuffer
from runtime.wire.codec import Codec
from runtime.wire.conversion import buffer_of, data_of
from tests.service.messages import make

_CODEC: Final = Codec(DataBuffer)
# A result says more than its request: a shape, a dtype, strides.
_MOST_GROWTH: Final = 4096

_PAYLOADS = st.binary(max_size=100) | st.sampled_from([bytes(64), bytes(48), bytes(4096)])
_COUNTS = st.sampled_from([0, 1, 2, 3, 16, 2**16, 2**31, 2**32 - 1])
_LARGE = _COUNTS | st.sampled_from([2**62, 2**63, 2**64 - 1])
_SIGNED = st.integers(-70, 70) | st.sampled_from([2**31, -(2**63), 2**63 - 1])
_SHAPES = st.lists(st.integers(0, 9) | _LARGE, max_size=5) | st.lists(st.just(1), max_size=80)
_DTYPES = st.one_of(
    st.sampled_from(["float32", "<i4", ">f8", "bool", "U3", "<M8[ns]", "m8[25us]", "c16", "S0"]),
    st.sampled_from(["object", "O", "u1,u1", "(2,)f4", "V8", "void", "f4,", "i", "longdouble", ""]),
    st.text(max_size=8),
)
_TEXTS = st.text(max_size=20) | st.sampled_from(["utf-8", "latin-1", "tts", "{}", "[" * 2000])

_KINDS: Final[dict[str, tuple[str, dict[str, st.SearchStrategy[Any]]]]] = {
    "audio": (
        "AudioBuffer",
        {
            "samples": _PAYLOADS,
            "sample_rate": _COUNTS,
            "channels": _COUNTS,
            "format": st.integers(-1, 5),
            "num_samples": _LARGE,
            "metadata_json": st.binary(max_size=8),
        },
    ),
    "video": (
        "VideoFrame",
        {
            "pixel_data": _PAYLOADS,
            "width": _COUNTS,
            "height": _COUNTS,
            "format": st.integers(-1, 7) | st.just(255),
            "frame_number": _LARGE,
            "timestamp_us": _LARGE,
            "codec": st.integers(-1, 5),
            "is_keyframe": st.booleans(),
        },
    ),
    "tensor": (
        "TensorBuffer",
        {"data": _PAYLOADS, "shape": _SHAPES, "dtype": st.integers(-1, 6), "layout": _TEXTS},
    ),
    "numpy": (
        "NumpyBuffer",
        {
            "data": _PAYLOADS,
            "shape": _SHAPES,
            "dtype": _DTYPES,
            "strides": st.lists(_SIGNED, max_size=5),
            "c_contiguous": st.booleans(),
            "f_contiguous": st.booleans(),
        },
    ),
    "json": ("JsonData", {"json_payload": _TEXTS, "schema_type": _TEXTS}),
    "text": (
        "TextBuffer",
        {"text_data": _PAYLOADS, "encoding": _TEXTS, "language": _TEXTS, "channel": _TEXTS},
    ),
    "binary": ("BinaryBuffer", {"data": _PAYLOADS, "mime_type": _TEXTS}),
    "file": (
        "FileBuffer",
        {"path": _TEXTS, "filename": _TEXTS, "size": _LARGE, "offset": _LARGE, "length": _LARGE},
    ),
}


@st.composite
def _buffers(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(sorted(_KINDS)))
    name, fields = _KINDS[kind]
    values = draw(st.fixed_dictionaries({}, optional=fields))
    metadata = draw(st.dictionaries(_TEXTS, _TEXTS, max_size=2))
    message = make("DataBuffer", **{kind: make(name, **values)}, metadata=metadata)
    return bytes(message.SerializeToString())


EXAMPLES: st.SearchStrategy[bytes] = _buffers()


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Return the check; nothing needs to be open."""
    yield check


def check(message: bytes) -> None:
    """Convert a buffer to an item, through shared memory, and back."""
    try:
        data = data_of(_CODEC.decode(message, DataBuffer))
    except InputError as refused:
        text = str(refused)
    else:
        item = item_of_bytes(item_bytes(Item(data, 1, "node", 2, 3)), "node")
        assert item.data == data or data != data
        assert len(_CODEC.encode(buffer_of(item.data))) <= len(message) + _MOST_GROWTH
        text = ""
    assert len(text) <= MAX_ERROR_CHARACTERS
    text.encode()
