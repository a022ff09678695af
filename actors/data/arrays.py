"""Arrays without a medium: tensors, numpy arrays and plain bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ..errors import DataError
from ..kinds import Kind
from ._base import NO_METADATA, Array, Data, as_array, check_text, frozen_array

_BYTE: Final = np.dtype(np.uint8)

TENSOR_DTYPES: Final = tuple(
    np.dtype(scalar) for scalar in (np.float32, np.float16, np.int32, np.int8, np.uint8)
)


@dataclass(frozen=True, slots=True, eq=False)
class Tensor(Data):
    """A tensor of one of the contract's types.

    Attributes:
        array: any shape, dtype float32, float16, int32, int8 or uint8. Read-only.
        layout: the meaning of the axes, such as "NCHW"; empty if not given.

    Raises:
        DataError: another dtype; a NumpyArray takes every dtype of plain values.
    """

    kind: ClassVar[Kind] = Kind.TENSOR

    array: Array
    layout: str = ""

    def __post_init__(self) -> None:
        """Check and freeze."""
        super(Tensor, self).__post_init__()
        array = as_array(self.array, "a tensor")
        if array.dtype not in TENSOR_DTYPES:
            names = ", ".join(str(dtype) for dtype in TENSOR_DTYPES)
            raise DataError(
                f"a tensor must be one of {names}, got {array.dtype}; use a NumpyArray for others"
            )
        check_text("a tensor's layout", self.layout)
        object.__setattr__(self, "array", frozen_array(array))


@dataclass(frozen=True, slots=True, eq=False)
class NumpyArray(Data):
    """A numpy array of any shape and any dtype of plain values, in any memory order. Read-only."""

    kind: ClassVar[Kind] = Kind.NUMPY

    array: Array

    def __post_init__(self) -> None:
        """Check and freeze.

        Raises:
            DataError: not a numpy array, or one of Python objects or of fields.
        """
        super(NumpyArray, self).__post_init__()
        object.__setattr__(self, "array", frozen_array(as_array(self.array, "a numpy item")))


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Data):
    """Plain bytes.

    Attributes:
        data: shape (bytes,), dtype uint8. Read-only. `bytes` and contiguous buffers are accepted.
        mime_type: the type of the bytes, such as "image/png"; empty if not given.

    Raises:
        DataError: the data is neither a buffer nor a uint8 array.
    """

    kind: ClassVar[Kind] = Kind.BINARY

    data: Array
    mime_type: str = ""

    if TYPE_CHECKING:  # the generated constructor takes more than the field then holds

        def __init__(
            self,
            data: Array | bytes | bytearray | memoryview,
            mime_type: str = "",
            *,
            metadata: Mapping[str, str] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        """Check and freeze."""
        # The usual item passes with few checks: chunks of 20 ms come fifty times a second.
        if self.metadata is not NO_METADATA:
            super(Binary, self).__post_init__()
        if self.mime_type != "":
            check_text("mime_type", self.mime_type)
        array = self.data
        if array.__class__ is not np.ndarray or array.dtype is not _BYTE:
            array = _bytes_of(array)
        if array.flags.writeable:
            array = frozen_array(array)
        elif array is self.data and array.ndim == 1:
            return
        object.__setattr__(self, "data", array if array.ndim == 1 else array.reshape(-1))

    def __bytes__(self) -> bytes:
        """Return a copy as bytes."""
        return self.data.tobytes()


def _bytes_of(data: object) -> Array:
    if isinstance(data, bytearray):
        data = bytes(data)  # since its owner may resize or write it
    if isinstance(data, bytes | memoryview):
        data = np.frombuffer(data, np.uint8)
    array = as_array(data, "binary data")
    if array.dtype != _BYTE:
        raise DataError(f"binary data must be uint8, got {array.dtype}")
    return array
