"""The codec: every kind of value comes back, the same value gives the same bytes, and neither end trusts the other."""

import base64
import collections
import contextlib
import math
import struct
import subprocess
import sys
import tracemalloc
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.engine.values import codec, wire
from graders.engine.values.arrays import TorchArray
from graders.engine.values.codec import CodecError, Missing, Opaque, Oversized, Raised, decode, encode
from tests.values import Pair, values


def message(tree: object, blobs: bytes = b"") -> bytes:
    packed = msgspec.msgpack.encode(tree)
    return struct.pack("<I", len(packed)) + packed + blobs


def same(left: object, right: object) -> bool:
    """Equality of kind, dtype, shape and bits, spelled out independently of the codec."""
    if isinstance(left, np.ndarray | np.generic):
        attributes = ("dtype", "shape", "torch_dtype", "requires_grad")
        alike = all(getattr(left, name, None) == getattr(right, name, None) for name in attributes)
        return type(left) is type(right) and alike and left.tobytes() == right.tobytes()
    if isinstance(left, tuple | list):
        named = getattr(left, "_fields", None) == getattr(right, "_fields", None)
        kinds = named if isinstance(left, tuple) else type(left) is type(right)
        return kinds and len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(map(same, left.values(), right.values()))
    return (type(left) is type(right) and repr(left) == repr(right)) or (
        left == right and isinstance(left, set | frozenset)
    )


@settings(deadline=None, max_examples=300)
@given(values)
def test_every_value_comes_back(value):
    data = encode(value)
    back = decode(data)
    assert same(back, value)
    assert encode(back) == data


@settings(deadline=None)
@given(values)
def test_what_comes_back_alive_encodes_to_the_same_bytes(value):
    """The engine finds out in this way whether a probe changed its inputs."""
    data = encode(value)
    assert encode(decode(data, live=True)) == data


@pytest.mark.parametrize(
    "kind", [collections.OrderedDict, lambda x: collections.defaultdict(int, x), collections.Counter]
)
def test_dicts_of_the_standard_library_are_dicts(kind):
    value = decode(encode(kind({"a": 1})))
    assert type(value) is dict
    assert value == {"a": 1}


def test_sets_have_one_encoding():
    assert encode({"b", "a", 3, 17}) == encode({17, "a", 3, "b"})


def test_named_tuples_share_a_class():
    first, second = decode(encode([Pair(1, 2), Pair(3, 4)]))
    assert type(first) is type(second)
    assert first.large == 1
    assert second == Pair(3, 4)


def test_a_tuple_with_fields_python_does_not_take_is_a_tuple():
    class Odd(tuple):
        _fields = ("not a name",)

    assert type(decode(encode(Odd([1])))) is tuple


def test_arrays_of_any_layout():
    grid = np.arange(12.0).reshape(3, 4)
    for array in (grid.T, grid[::2, ::-1], np.asfortranarray(grid), np.broadcast_to(2.0, (3, 4)), np.array(5)):
        back = decode(encode(array))
        assert back.shape == array.shape
        assert (back == array).all()
        assert back.flags.owndata
        assert back.flags.writeable


def test_array_subclasses_are_seen_as_arrays():
    class Loud(np.ndarray):
        def __array__(self, *args):
            raise AssertionError("called")

        tobytes = astype = __array__

    assert type(decode(encode(np.ones(2).view(Loud)))) is np.ndarray


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        torch.zeros(0, 3, dtype=torch.int32),
        torch.tensor(True),
        torch.tensor([1 + 2j]).conj(),
        torch.ones(3, requires_grad=True) * 2,
        torch.nn.Parameter(torch.ones(2)),
        torch.ones(2, 1).expand(2, 3),
    ],
)
def test_tensors_come_back_alive_and_as_arrays(tensor):
    data = encode(tensor)
    live = decode(data, live=True)
    assert type(live) is torch.Tensor
    assert live.dtype == tensor.dtype
    assert torch.equal(live, tensor)
    assert live.requires_grad == tensor.requires_grad
    assert live.is_leaf
    still = decode(data)
    assert type(still) is TorchArray
    assert f"torch.{still.torch_dtype}" == str(tensor.dtype)
    plain = tensor.detach().resolve_conj()
    assert np.array_equal(np.asarray(still), (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy())


def test_live_tensors_own_their_memory():
    data = encode(torch.ones(3))
    decode(data, live=True).add_(1)
    assert torch.equal(decode(data, live=True), torch.ones(3))


def test_a_tensor_subclass_is_not_called():
    class Loud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *args, **kwargs):
            raise AssertionError("called")

    value = decode(encode(torch.ones(2).as_subclass(Loud)))
    assert type(value) is TorchArray
    assert value.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.empty(2, device="meta"), "tensor on device meta"),
        (torch.eye(2).to_sparse(), "tensor of layout torch.sparse_coo"),
        (torch.ones(2).to(torch.float8_e4m3fn), "tensor of dtype float8_e4m3fn"),
    ],
)
def test_tensors_that_are_no_data(tensor, words):
    assert decode(encode(tensor)) == Opaque(words)


def test_torch_dtypes():
    assert decode(encode(torch.bfloat16), live=True) is torch.bfloat16
    assert decode(encode(torch.float32)) == wire.TorchDtype("float32")


def test_hostile_classes_are_described_and_never_called():
    """Defined in here because pytest looks at the attributes of everything in a test module."""

    class Lying:
        __class__ = int

        def __getattribute__(self, name):
            raise SystemExit

        def __eq__(self, other):
            raise SystemExit

        __hash__ = __repr__ = __len__ = __iter__ = __eq__

    class Meta(type):
        def __getattribute__(cls, name):
            raise SystemExit

    class Meddled(metaclass=Meta):
        pass

    class Names(str):
        def __getitem__(self, key):
            raise KeyError

    values = [Lying(), Meddled(), Meddled, Names("x"), Raised(Names("a"), (), "", "")]
    words = ["Lying", "Meddled", "class Meddled", "Names", "Raised"]
    assert [node.type for node in decode(encode(values))] == words
    assert [decode(encode(value)).type for value in values] == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((i for i in []), "generator"),
        (print, "builtin_function_or_method"),
        (Pair, "class Pair"),
        (np, "module"),
        (np.array([object()]), "array of dtype |O"),
        (np.array(["a"]), "array of dtype <U1"),
        (np.longdouble(1), "longdouble"),
        (np.dtype("O"), "dtype object"),
        (np.str_("a"), "str_"),
        ({torch.ones(1): 2}, "dict with a Tensor as key"),
        ({(1, print): 2}, "dict with a tuple as key"),
        ({print}, "set with a builtin_function_or_method in it"),
        (Missing(3, 4), "Missing"),
    ],
)
def test_what_is_not_data_is_described(value, words):
    assert decode(encode(value)) == Opaque(words)
    assert decode(encode([np.ones(1), value, np.ones(1)]))[1] == Opaque(words)


def test_a_tuple_subclass_is_read_past_its_methods():
    class Liar(tuple):
        def __iter__(self):
            raise SystemExit

        __len__ = __getitem__ = __iter__

    assert decode(encode(Liar((1, 2)))) == (1, 2)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.broadcast_to(0.0, (10**5, 10**6)), "float64 array of shape (100000, 1000000)"),
        (torch.zeros(1).expand(10**9), "float32 tensor of shape (1000000000,)"),
        (1 << 5000, "int of 5001 bits"),
        ("a" * 5_000_000, "str of 5000000 characters"),
        (b"a" * 5_000_000, "bytes of length 5000000"),
        ([0] * 1_000_000, "list of 1000000 items"),
        (set(range(20_000)), "set of 20000 items"),
        (dict.fromkeys(range(20_000)), "dict of 20000 items"),
    ],
)
def test_what_is_too_large_is_described(value, words):
    assert decode(encode(value)) == Oversized(words)


def test_a_million_items_in_characters_of_more_than_one_byte():
    assert decode(encode("é" * 4_000_000)) == Oversized("str of more than 4 MiB")


def test_arrays_share_the_space_of_a_message():
    half = np.zeros(codec.MAX_BYTES // 16)
    first, second, third, small = decode(encode([half, half, half, np.ones(0)]))
    assert first.size == second.size == half.size
    assert isinstance(third, Oversized)
    assert small.shape == (0,)


def test_cycles_and_deep_nesting():
    cycle: list = []
    cycle.append(cycle)
    assert "list nested more than 100 levels deep" in repr(decode(encode(cycle)))
    bush: list = []
    bush.extend([bush] * 50)
    assert decode(encode(bush)) == Oversized("list of more than 4 MiB")
    value: object = 1.0
    for _ in range(100):
        value = [value]
    assert decode(encode(value)) == value
    assert decode(encode([value])) != [value]


def test_observations_that_are_not_data():
    for node in (
        Raised("KeyError", ("KeyError", "object"), "\ud800", "f.py:1"),
        Missing("f", "line 3"),
        Opaque("x"),
        Oversized("y"),
    ):
        assert decode(encode(node)) == node


def test_texts_of_an_exception_are_cut():
    node = decode(encode(Raised("E", ("E",) * 500, "m" * 9_999, "t" * 9_999)))
    assert (len(node.bases), len(node.message), len(node.trace)) == (100, 2_000, 8_000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        message([]),
        message([99]),
        message([-1]),
        message(["x"]),
        message([[0]]),
        message({"a": 1}),
        message(1) + b"x",
        message(msgspec.msgpack.Ext(1, b"x")),
        message([wire.ARRAY, "|O", [1]], b"12345678"),
        message([wire.ARRAY, "|V8", [1]], b"12345678"),
        message([wire.ARRAY, "<f8", [2]], b"12345678"),
        message([wire.ARRAY, "<f8", [1]], b"123456789"),
        message([wire.ARRAY, "<f8", [-1]]),
        message([wire.ARRAY, "<f8", [True]], b"12345678"),
        message([wire.ARRAY, "<f8", [0, 2**39, 2**39]]),
        message([wire.ARRAY, "<f8", [0] * 33]),
        message([wire.ARRAY, "<f8", 1], b"12345678"),
        message([wire.ARRAY, "|b1", [1]], b"\2"),
        message([wire.ARRAY, ["<f8"], [0]]),
        message([wire.SCALAR, "|b1", b"\2"]),
        message([wire.SCALAR, ">f8", b"12345678"]),
        message([wire.SCALAR, "<f8", b"1234"]),
        message([wire.TENSOR, "qint8", [0], False]),
        message([wire.TENSOR, "int64", [0], True]),
        message([wire.TENSOR, "float32", [0], 1]),
        message([wire.DTYPE, "|O"]),
        message([wire.TORCH_DTYPE, "Tensor"]),
        message([wire.NAMED, "Pair", ["a", "a"], 1, 2]),
        message([wire.NAMED, "Pair", ["class"], 1]),
        message([wire.NAMED, "Pair", ["_a"], 1]),
        message([wire.NAMED, "Pair", ["a"], 1, 2]),
        message([wire.NAMED, "P(x)", ["a"], 1]),
        message([wire.DICT, [1, 1], 2, 3]),
        message([wire.DICT, [1], 2, 3]),
        message([wire.DICT, [[wire.LIST]], 2]),
        message([wire.SET, 1, True]),
        message([wire.SET, *range(20_000)]),
        message([wire.INT, b"1" * 600]),
        message([wire.INT, 3]),
        message([wire.COMPLEX, 1, 2]),
        message([wire.STR, "a"]),
        message([wire.RANGE, 1, 2, 0]),
        message([wire.SLICE, 1, 2]),
        message([wire.ELLIPSIS, 1]),
        message([wire.RAISED, "E", ["E"], "m" * 2_001, ""]),
        message([wire.RAISED, "E", "E", "", ""]),
        message([wire.MISSING, 1, ""]),
        message([wire.OPAQUE, "x" * 301]),
        struct.pack("<I", 2**31),
        struct.pack("<I", 5) + b"\xdd\xff\xff\xff\xff",
        struct.pack("<I", 5) + b"\xdf\xff\xff\xff\xff",
        struct.pack("<I", 100_000) + b"\x91" * 100_000,
        struct.pack("<I", 3 * 200) + b"\x92\x00" * 300,
    ],
)
@pytest.mark.parametrize("live", [False, True])
def test_malformed_messages_are_refused(data, live):
    with pytest.raises(CodecError):
        decode(data, live=live)


@settings(deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_are_refused_or_decoded(data, live):
    for candidate in (data, struct.pack("<I", len(data)) + data):
        with contextlib.suppress(CodecError):
            decode(candidate, live=live)


@settings(deadline=None, max_examples=300)
@given(values, st.data())
def test_mutated_messages_are_refused_or_decoded(value, data):
    mutated = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CodecError):
        encode(decode(bytes(mutated), live=data.draw(st.booleans())))


@pytest.mark.parametrize("filler", [b"\x90", b"\x80", b"\x91\x00", b"\xc0"])
def test_memory_is_bounded_by_the_size_of_the_message(filler):
    tree = filler * (2**16 - 1)
    tree = b"\xdd" + struct.pack(">I", len(tree) // len(filler)) + tree
    tracemalloc.start()
    with contextlib.suppress(CodecError):
        decode(struct.pack("<I", len(tree)) + tree)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * len(tree) + 100_000


@pytest.mark.parametrize("empty", [[wire.LIST], [wire.SET], [wire.FROZENSET], [wire.DICT, []]])
def test_a_message_holds_no_more_items_than_one_could_have_put_there(empty):
    """Each takes two bytes or three, and a hundred times that in memory."""
    tree = msgspec.msgpack.encode([wire.LIST, *[empty] * 1_000_000])
    with pytest.raises(CodecError, match="too many items"):
        decode(struct.pack("<I", len(tree)) + tree)


def test_nothing_heavy_is_imported_before_it_is_needed():
    program = """
import sys
from graders.engine.values.codec import encode, decode
decode(encode([1, (2.0, "a"), {"b": {3}}, object()]))
assert "numpy" not in sys.modules
import numpy
decode(encode([numpy.ones(2), numpy.float32(1), object()]))
assert "torch" not in sys.modules
import base64
tensor = decode(base64.b64decode(sys.argv[1]))
assert tensor.tolist() == [1, 1] and "torch" not in sys.modules
decode(base64.b64decode(sys.argv[1]), live=True)
assert "torch" in sys.modules
"""
    tensor = base64.b64encode(encode(torch.ones(2))).decode()
    subprocess.run([sys.executable, "-c", program, tensor], check=True, timeout=120)


def test_special_floats_keep_their_bits():
    negative_zero, inf, nan = decode(encode([-0.0, -math.inf, math.nan]))
    assert math.copysign(1, negative_zero) == -1
    assert inf == -math.inf
    assert math.isnan(nan)


def test_a_class_made_with_typing_is_a_named_tuple():
    class Point(NamedTuple):
        x: float
        y: np.ndarray

    point = decode(encode(Point(1.0, np.ones(2))))
    assert type(point).__name__ == "Point"
    assert point.x == 1.0
    assert point.y.tolist() == [1, 1]


# %% Values that are watched


@given(values)
def test_a_value_that_nobody_touches_is_unchanged(value):
    data = encode({"value": value})
    _, is_unchanged = codec.decode_watched(data)
    assert is_unchanged()


def _set(key, value):
    return lambda container: container.__setitem__(key, value)


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (np.zeros(3), _set(0, 1.0)),
        (np.zeros(3), _set(0, -0.0)),
        (np.zeros((2, 3)), lambda array: setattr(array, "shape", (3, 2))),
        (np.arange(6).reshape(2, 3), lambda array: array.sort(axis=0, kind="stable") or _set((0, 0), 5)(array)),
        (torch.zeros(3), lambda tensor: tensor.add_(1)),
        (torch.zeros(3), lambda tensor: tensor.data.add_(1)),
        (torch.zeros(3), lambda tensor: tensor.requires_grad_()),
        (torch.zeros(3, requires_grad=True), lambda tensor: tensor.requires_grad_(False)),
        (torch.zeros(2, 3), lambda tensor: tensor.t_()),
        (torch.zeros(3), lambda tensor: tensor.unsqueeze_(0)),
        (torch.zeros(3), lambda tensor: setattr(tensor, "data", torch.ones(3))),
        (torch.zeros(3), lambda tensor: setattr(tensor, "data", torch.zeros(3, dtype=torch.float64))),
        ([1, [2]], lambda items: items[1].append(3)),
        ([1, 2], lambda items: items.reverse()),
        ([1, 2], _set(0, True)),
        ([1.0], _set(0, 1)),
        ([np.zeros(2)], _set(0, np.ones(2))),
        ({"a": {"b": 1}}, lambda value: value["a"].update(b=2)),
        ({"a": {"b": 1}}, lambda value: value["a"].pop("b")),
        ({"a": 1}, lambda value: value.setdefault("b", 2)),
        ({1, 2}, lambda value: value.add(3)),
        (({1}, [set()]), lambda value: value[1][0].add(3)),
    ],
    ids=str,
)
def test_a_change_is_noticed(value, change):
    arguments, is_unchanged = codec.decode_watched(encode({"value": value}))
    change(arguments["value"])
    assert not is_unchanged()


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([10**6, "a"], _set(0, int("1000000"))),
        ([np.zeros(2)], _set(0, np.zeros(2))),
        ({"a": 1, "b": [2]}, lambda value: value.update(b=[2])),
        (torch.ones(3), lambda tensor: setattr(tensor, "data", torch.ones(3))),
    ],
    ids=str,
)
def test_what_is_replaced_by_its_equal_is_unchanged(value, change):
    arguments, is_unchanged = codec.decode_watched(encode({"value": value}))
    change(arguments["value"])
    assert is_unchanged()
