"""Arrays, tensors, numpy scalars and dtypes in the codec: dtype and shape in the tree, bytes behind it.

Imported by `encoding.py` and `decoding.py` when the first of them turns up. Imports torch only to build live tensors.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from graders.engine.values.message import Incoming, Outgoing, describe, opaque, oversized
from graders.engine.values.wire import ARRAY, DTYPE, SCALAR, TENSOR, TORCH_DTYPE, CodecError, TorchDtype


class TorchArray(np.ndarray):
    """A torch tensor on the side that never imports torch: its values as an array; bfloat16 values stand as float32.

    `torch_dtype` is "float32" for torch.float32. What numpy computes from one is a TorchArray too, with the same name
    for its dtype, right or wrong: take `np.asarray` of it before computing.
    """

    torch_dtype: str
    requires_grad: bool

    def __array_finalize__(self, source: np.ndarray | None) -> None:
        self.torch_dtype = getattr(source, "torch_dtype", "")
        self.requires_grad = getattr(source, "requires_grad", False)

    @staticmethod
    def of(values: np.ndarray, torch_dtype: str, requires_grad: bool = False) -> TorchArray:
        array = np.asarray(values).view(TorchArray)  # arithmetic makes scalars of arrays without axes
        array.torch_dtype = torch_dtype
        array.requires_grad = requires_grad
        return array


_NAMES: Final = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
                 "float64", "complex64", "complex128")  # fmt: skip
_NATIVE: Final = {np.dtype(name).str: np.dtype(name) for name in _NAMES}
_SWAPPED: Final = {dtype.newbyteorder().str: dtype.newbyteorder() for dtype in _NATIVE.values()}
# numpy spells a dtype as "<f8"; looking the text up here is what keeps object and void dtypes out.
DTYPES: Final[dict[str, np.dtype]] = {**_SWAPPED, **_NATIVE}
TORCH_DTYPES: Final[dict[str, np.dtype]] = {name: np.dtype(name) for name in _NAMES} | {"bfloat16": np.dtype("uint16")}
MAX_AXES: Final = 32


def encoder_for(classes: tuple[type, ...]) -> Callable[[Outgoing, Any, int], object] | None:
    """The encoder for a value with these classes in its MRO, None if it is nothing of numpy or torch."""
    torch = sys.modules.get("torch")
    if TorchArray in classes:
        return encode_torch_array
    if np.ndarray in classes:
        return encode_array
    if np.generic in classes:
        return encode_scalar
    if np.dtype in classes:
        return encode_dtype
    if torch is not None and torch.Tensor in classes:
        return encode_tensor
    if torch is not None and torch.dtype in classes:
        return encode_torch_dtype
    return None


def _blob(encoder: Outgoing, array: np.ndarray) -> bool:
    """Keep a copy of the array's bytes, unless the message has no space for them."""
    if array.nbytes > encoder.space:
        return False
    encoder.space -= array.nbytes
    encoder.blobs.append(array.tobytes())
    return True


def encode_array(encoder: Outgoing, value: np.ndarray, depth: int) -> object:
    array = value if type(value) is np.ndarray else np.asarray(value)
    name = array.dtype.str
    if name not in DTYPES:
        return opaque(f"array of dtype {name}")
    if not _blob(encoder, array):
        return oversized(f"{array.dtype.name} array of shape {array.shape}")
    return [ARRAY, name, array.shape]


def encode_torch_array(encoder: Outgoing, value: TorchArray, depth: int) -> object:
    name = value.torch_dtype
    array = np.asarray(value)
    if name == "bfloat16":  # the upper half of a float32
        array = (np.ascontiguousarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16).reshape(array.shape)
    if array.dtype != TORCH_DTYPES[name]:
        return opaque(describe(value))
    if not _blob(encoder, array):
        return oversized(f"{name} tensor of shape {array.shape}")
    return [TENSOR, name, value.shape, bool(value.requires_grad)]


def encode_tensor(encoder: Outgoing, value: Any, depth: int) -> object:
    """A tensor of exactly torch's own classes, or of a subclass seen as the plain tensor below it."""
    torch = sys.modules["torch"]
    with torch._C.DisableTorchFunctionSubclass():  # a subclass may redefine every operation
        tensor = torch.Tensor.detach(value)
        requires_grad = torch.Tensor.requires_grad.__get__(value)
        name = _torch_name(tensor.dtype)
        if name not in TORCH_DTYPES:
            return opaque(f"tensor of dtype {name}")
        try:
            array = (tensor.view(torch.uint16) if name == "bfloat16" else tensor).numpy()  # the very memory
        except (RuntimeError, TypeError):  # it has no memory that says it all
            if not tensor.is_cpu:
                return opaque(f"tensor on device {tensor.device.type}")
            if tensor.layout is not torch.strided:
                return opaque(f"tensor of layout {tensor.layout}")
            if tensor.nbytes > encoder.space:
                return oversized(f"{name} tensor of shape {tuple(tensor.shape)}")
            array = tensor.resolve_conj().resolve_neg().numpy()
    if not _blob(encoder, array):
        return oversized(f"{name} tensor of shape {array.shape}")
    return [TENSOR, name, array.shape, requires_grad]


@functools.cache
def _torch_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def encode_scalar(encoder: Outgoing, value: np.generic, depth: int) -> object:
    name = np.generic.dtype.__get__(value).str
    return [SCALAR, name, np.generic.tobytes(value)] if name in _NATIVE else opaque(describe(value))


def encode_dtype(encoder: Outgoing, value: np.dtype, depth: int) -> object:
    return [DTYPE, value.str] if value.str in DTYPES else opaque(f"dtype {value}")


def encode_torch_dtype(encoder: Outgoing, value: Any, depth: int) -> object:
    name = _torch_name(value)
    return [TORCH_DTYPE, name] if name in TORCH_DTYPES else opaque(f"dtype {value}")


def _take(decoder: Incoming, dtype: np.dtype, shape: Any) -> np.ndarray:
    """The next array of the message, as a copy that owns its memory."""
    if type(shape) is not list or len(shape) > MAX_AXES:
        raise CodecError("not a shape")
    size = dtype.itemsize
    for length in shape:
        if type(length) is not int or not 0 <= length < 2**40:
            raise CodecError("not a shape")
        size *= length
    end = decoder.offset + size
    if end > len(decoder.data):
        raise CodecError("the message ends within an array")
    array: np.ndarray = np.ndarray(shape, dtype, decoder.data, decoder.offset).copy()
    decoder.arrays.append(array)
    decoder.offset = end
    if dtype.char == "?" and array.size and array.view(np.uint8).max() > 1:
        raise CodecError("a bool that is neither true nor false")
    return array


def decode_array(decoder: Incoming, node: list[Any], depth: int) -> np.ndarray:
    _, name, shape = node
    return _take(decoder, DTYPES[name], shape)


def decode_scalar(decoder: Incoming, node: list[Any], depth: int) -> np.generic:
    _, name, data = node
    dtype = _NATIVE[name]
    if type(data) is not bytes or len(data) != dtype.itemsize or (name == "|b1" and data not in (b"\0", b"\1")):
        raise CodecError("not a scalar")
    scalar: np.generic = np.frombuffer(data, dtype)[0]
    return scalar


def decode_tensor(decoder: Incoming, node: list[Any], depth: int) -> Any:
    _, name, shape, requires_grad = node
    array = _take(decoder, TORCH_DTYPES[name], shape)
    if type(requires_grad) is not bool or (requires_grad and "float" not in name and "complex" not in name):
        raise CodecError("not a tensor")
    if decoder.live:
        import torch

        tensor = torch.from_numpy(array)
        tensor = tensor.view(torch.bfloat16) if name == "bfloat16" else tensor
        decoder.tensors.append(tensor)
        return tensor.requires_grad_() if requires_grad else tensor
    if name == "bfloat16":
        array = (array.astype(np.uint32) << 16).view(np.float32).reshape(array.shape)
    return TorchArray.of(array, name, requires_grad)


def decode_dtype(decoder: Incoming, node: list[Any], depth: int) -> np.dtype:
    _, name = node
    return DTYPES[name]


def decode_torch_dtype(decoder: Incoming, node: list[Any], depth: int) -> object:
    _, name = node
    if name not in TORCH_DTYPES:
        raise CodecError("not a torch dtype")
    if decoder.live:
        import torch

        return getattr(torch, name)
    return TorchDtype(name)


DECODERS: Final[dict[int, Callable[[Incoming, list[Any], int], object]]] = {
    DTYPE: decode_dtype,
    TORCH_DTYPE: decode_torch_dtype,
    ARRAY: decode_array,
    SCALAR: decode_scalar,
    TENSOR: decode_tensor,
}
