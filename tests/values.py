"""Hypothesis strategies for every kind of value the codec knows, for the tests of codec, comparison and literals."""

from collections import namedtuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graders.engine.values.arrays import DTYPES, TORCH_DTYPES, TorchArray
from graders.engine.values.codec import CodecError, Missing, Opaque, Oversized, Raised, TorchDtype, decode, encode

Pair = namedtuple("Pair", ["large", "small"])
Odd = namedtuple("index", ["count", "index"])  # named like what a tuple can do

dtypes = st.sampled_from(list(DTYPES.values()))
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))


@st.composite
def tensors(draw):
    name = draw(st.sampled_from(sorted(TORCH_DTYPES)))
    dtype = np.dtype("float32") if name == "bfloat16" else TORCH_DTYPES[name]
    values = draw(hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))
    if name == "bfloat16":
        values = np.asarray(values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)  # what bfloat16 can hold
    inexact = "float" in name or "complex" in name
    return TorchArray.of(values, name, inexact and draw(st.booleans()))


numbers = st.booleans() | st.integers() | st.integers(-(2**300), 2**300) | st.floats() | st.complex_numbers()
texts = st.text() | st.text(st.characters()) | st.sampled_from(["\ud800", "a\nb", "'\""])
scalars = dtypes.filter(lambda dtype: dtype.isnative).flatmap(hnp.from_dtype)
constants = st.sampled_from([None, ..., np.dtype("float32"), np.dtype(">i4"), TorchDtype("bfloat16")])
ranges = st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3))
slices = st.builds(slice, *[st.none() | st.integers(-9, 9)] * 3)
keys = st.none() | st.booleans() | st.integers() | texts | st.binary() | st.tuples(st.integers(), st.text())
leaves = st.one_of(constants, numbers, texts, st.binary(), scalars, ranges, slices, arrays, tensors())
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.builds(Pair, inner, inner)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
    ),
    max_leaves=8,
)


def came_out(value: object) -> object:
    """The value as it comes out of a worker; what is refused on the way is not worth a test."""
    try:
        return decode(encode(value))
    except CodecError:
        return None


# What a submission may return: the same, and what is not data, in containers whose items need not compare.
odd_keys = st.recursive(
    keys | scalars | st.floats() | st.complex_numbers() | constants.filter(lambda value: value is not None) | ranges,
    lambda inner: (
        st.tuples(inner, inner)
        | st.lists(inner, max_size=2).map(tuple)
        | st.frozensets(inner, max_size=3)
        | st.builds(Odd, inner, inner)
    ),
    max_leaves=6,
)
words = texts | st.sampled_from(["generator", "class a\n::error::x", "thing\n##[x]\x1b[31m", "\u202eb"])
no_data = (
    st.builds(Opaque, words)
    | st.builds(Oversized, words)
    | st.builds(Missing, words, texts)
    | st.builds(Raised, words, st.tuples(words), texts, texts)
)
anything = st.recursive(
    leaves | no_data | odd_keys,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Odd, inner, inner)
        | st.builds(slice, inner, inner, inner)
        | st.dictionaries(odd_keys, inner, max_size=3)
        | st.sets(odd_keys, max_size=4)
        | st.frozensets(odd_keys, max_size=4)
    ),
    max_leaves=8,
).map(came_out)
