"""A reader of the few pickles that CIFAR's python version consists of. It cannot run code.

``pickle.load`` may call anything that can be imported. This reader is not built on it: it
interprets the opcodes that Python 2's cPickle wrote for dicts, lists, strings, small integers and
one array of bytes, and refuses every other. It imports nothing and calls nothing that the file
names. The three global names such a file needs (numpy's ``_reconstruct``, ``ndarray`` and
``dtype``) only stand for themselves.

Work is bounded by `OPERATIONS_LIMIT`, memory by that and the file's own size: strings are slices
and nothing is copied by reference. Values nest no deeper than in the files of CIFAR (`DEPTH_LIMIT`,
`_flat`), so that nothing that later walks them can be led astray.
"""

import enum
from dataclasses import dataclass, field

from rungs.foundation.errors import DataError

OPERATIONS_LIMIT = 1_000_000  # the largest file of CIFAR-100 takes 200,242

DEPTH_LIMIT = 4  # collections begun and not ended; an array's state in the dict makes two

TUPLE_LIMIT = 8  # items of a tuple

# A string above this many bytes stays a view of the file instead of becoming a copy.
COPIED_BYTES = 255

LONGEST_NAME = 64  # characters of a global's module or name


@dataclass(eq=False)
class ByteArray:
    """An array of uint8 [rows, columns] in C order as the file holds it.

    Not frozen, because a pickle first creates an array and then fills it, once. One that was
    never filled has the shape ().
    """

    shape: tuple[int, ...] = ()
    data: memoryview = field(default_factory=lambda: memoryview(b""))


class _Global(enum.Enum):
    RECONSTRUCT = (b"numpy.core.multiarray", b"_reconstruct")
    ARRAY = (b"numpy", b"ndarray")
    DTYPE = (b"numpy", b"dtype")


class _UnfilledDtype:
    """numpy's dtype object before and after its state, which for uint8 says nothing new."""


def read_pickle(content: bytes | bytearray, source: str) -> object:
    """The value of the pickle ``content``; ``source`` names it in errors.

    Dicts have ``bytes`` keys. Strings are ``bytes``, or ``memoryview`` from 256 bytes on; arrays
    are `ByteArray`. Anything that the files of CIFAR do not need is a `DataError`.
    """
    try:
        return _interpret(content, memoryview(content))
    except _RefusedError as refused:
        raise DataError(f"{source}: not a pickle of CIFAR's form: {refused}") from refused
    except IndexError as error:
        raise DataError(f"{source}: truncated or damaged: the pickle ends too early") from error


class _RefusedError(Exception):
    pass


_NO_ARRAY = "it builds something else than an array of uint8"


def _interpret(content: bytes | bytearray, view: memoryview) -> object:
    if content[0] != 0x80 or content[1] != 2:
        raise _RefusedError("it does not begin as protocol 2")
    at = 2
    stack: list[object] = []
    outer: list[list[object]] = []  # the stacks below each MARK
    memo: dict[int, object] = {}
    for _ in range(OPERATIONS_LIMIT):
        operation = content[at]
        at += 1
        # The first branches are nearly all of a real file.
        if operation == 0x4B:  # BININT1
            stack.append(content[at])
            at += 1
        elif operation == 0x55:  # SHORT_BINSTRING
            end = at + 1 + content[at]
            stack.append(_bytes(view, at + 1, end))
            at = end
        elif operation == 0x72:  # LONG_BINPUT
            memo[_unsigned(view, at, 4)] = stack[-1]
            at += 4
        elif operation == 0x71:  # BINPUT
            memo[content[at]] = stack[-1]
            at += 1
        elif operation == 0x28:  # MARK
            if len(outer) == DEPTH_LIMIT:
                raise _RefusedError("its values are nested too deeply")
            outer.append(stack)
            stack = []
        elif operation == 0x65:  # APPENDS
            values, stack = stack, outer.pop()
            _extend(stack[-1], values)
        elif operation == 0x61:  # APPEND
            value = stack.pop()
            _extend(stack[-1], [value])
        elif operation == 0x5D:  # EMPTY_LIST
            stack.append([])
        elif operation == 0x7D:  # EMPTY_DICT
            stack.append({})
        elif operation == 0x75:  # SETITEMS
            values, stack = stack, outer.pop()
            _set_items(stack[-1], values)
        elif operation == 0x73:  # SETITEM
            value, key = stack.pop(), stack.pop()
            _set_items(stack[-1], [key, value])
        elif operation == 0x68:  # BINGET
            stack.append(_remembered(memo, content[at]))
            at += 1
        elif operation == 0x6A:  # LONG_BINGET
            stack.append(_remembered(memo, _unsigned(view, at, 4)))
            at += 4
        elif operation == 0x54:  # BINSTRING
            end = at + 4 + _signed(view, at)
            stack.append(_bytes(view, at + 4, end))
            at = end
        elif operation == 0x4D:  # BININT2
            stack.append(_unsigned(view, at, 2))
            at += 2
        elif operation == 0x4A:  # BININT
            stack.append(_signed(view, at))
            at += 4
        elif operation == 0x4E:  # NONE
            stack.append(None)
        elif operation == 0x88:  # NEWTRUE
            stack.append(True)
        elif operation == 0x89:  # NEWFALSE
            stack.append(False)
        elif operation == 0x29:  # EMPTY_TUPLE
            stack.append(())
        elif operation == 0x74:  # TUPLE
            values, stack = stack, outer.pop()
            stack.append(_tuple(values))
        elif operation in (0x85, 0x86, 0x87):  # TUPLE1, TUPLE2, TUPLE3
            count = operation - 0x84
            if len(stack) < count:
                raise IndexError
            values = stack[-count:]
            del stack[-count:]
            stack.append(_tuple(values))
        elif operation == 0x63:  # GLOBAL
            module, at = _line(content, at)
            name, at = _line(content, at)
            stack.append(_global(module, name))
        elif operation == 0x52:  # REDUCE
            arguments, function = stack.pop(), stack.pop()
            stack.append(_reduce(function, arguments))
        elif operation == 0x62:  # BUILD
            state = stack.pop()
            _build(stack[-1], state)
        elif operation == 0x2E:  # STOP
            if outer or len(stack) != 1 or at != len(content):
                raise _RefusedError("there is more after or beside its value")
            return stack[0]
        else:
            raise _RefusedError(f"opcode 0x{operation:02x} at byte {at - 1}")
    raise _RefusedError(f"more than {OPERATIONS_LIMIT:,} operations")


def _bytes(view: memoryview, start: int, end: int) -> bytes | memoryview:
    if not start <= end <= len(view):
        raise IndexError
    part = view[start:end]
    return part if end - start > COPIED_BYTES else bytes(part)


def _unsigned(view: memoryview, at: int, width: int) -> int:
    if at + width > len(view):
        raise IndexError
    return int.from_bytes(view[at : at + width], "little")


def _signed(view: memoryview, at: int) -> int:
    if at + 4 > len(view):
        raise IndexError
    return int.from_bytes(view[at : at + 4], "little", signed=True)


def _line(content: bytes | bytearray, at: int) -> tuple[bytes, int]:
    end = content.find(b"\n", at, at + LONGEST_NAME + 1)
    if end < 0:
        raise _RefusedError("a global name without an end")
    return bytes(content[at:end]), end + 1


def _global(module: bytes, name: bytes) -> _Global:
    try:
        return _Global((module, name))
    except ValueError:
        named = ascii(b".".join((module, name)).decode("latin-1"))
        raise _RefusedError(f"it names {named}, which no data file needs") from None


def _flat(values: list[object] | tuple[object, ...]) -> bool:
    """Whether none of ``values`` contains others."""
    return not any(isinstance(value, (list, tuple, dict)) for value in values)


def _extend(target: object, values: list[object]) -> None:
    if not isinstance(target, list):
        raise _RefusedError("items are added to what is no list")
    if not _flat(values):
        raise _RefusedError("a list contains more than strings and numbers")
    target.extend(values)


def _tuple(values: list[object]) -> tuple[object, ...]:
    """Tuples hold an array's description: few items, of which the shape is the only tuple."""
    for value in values:
        if isinstance(value, (list, dict)) or (isinstance(value, tuple) and not _flat(value)):
            raise _RefusedError("its values are nested too deeply")
    if len(values) > TUPLE_LIMIT:
        raise _RefusedError(f"a tuple of {len(values):,} values")
    return tuple(values)


def _set_items(target: object, values: list[object]) -> None:
    if not isinstance(target, dict) or len(values) % 2:
        raise _RefusedError("items are set in what is no dict")
    for key, value in zip(values[::2], values[1::2], strict=True):
        # Only bytes: the hash of nested tuples could take for ever.
        if not isinstance(key, bytes):
            raise _RefusedError("a key is no string")
        if isinstance(value, (dict, tuple)):
            raise _RefusedError("its values are nested too deeply")
        target[key] = value


def _remembered(memo: dict[int, object], key: int) -> object:
    if key not in memo:
        raise _RefusedError("it refers to a value that is not there")
    return memo[key]


def _reduce(function: object, arguments: object) -> object:
    if not isinstance(arguments, tuple):
        raise _RefusedError(_NO_ARRAY)
    match function, *arguments:
        case (_Global.RECONSTRUCT, _Global.ARRAY, (0,), b"b"):
            return ByteArray()
        case (_Global.DTYPE, b"u1", 0, 1):
            return _UnfilledDtype()
    raise _RefusedError(_NO_ARRAY)


def _build(target: object, state: object) -> None:
    match target, state:
        case _UnfilledDtype(), (3, b"|", None, None, None, -1, -1, 0):
            return
        case ByteArray(shape=()), (1, tuple() as shape, _UnfilledDtype(), False, data):
            sizes = tuple(size for size in shape if type(size) is int and size >= 0)
            # A short string was copied; see COPIED_BYTES.
            view = memoryview(data) if isinstance(data, bytes) else data
            if isinstance(view, memoryview) and len(sizes) == len(shape) == 2:
                if sizes[0] * sizes[1] != len(view):
                    raise _RefusedError(f"an array of shape {sizes} with {len(view):,} bytes")
                target.shape, target.data = sizes, view
                return
    raise _RefusedError(_NO_ARRAY)


def write_pickle(value: dict[str, object]) -> bytes:
    """``value`` as Python 2's cPickle wrote it: the counterpart of `read_pickle`, for its tests.

    Values are strings of up to 255 ASCII characters, lists of them without repetition, integers,
    lists of integers, and uint8 arrays as `ByteArray`; others are a ``TypeError`` or
    ``ValueError``. What the official files hold gives the official files, byte for byte.
    """
    out = _Writer()
    out.parts.append(b"\x80\x02}")
    out.remember()
    out.parts.append(b"(")
    for key, content in value.items():
        out.string(key)
        match content:
            case str():
                out.string(content)
            case int():
                out.integer(content)
            case list():
                out.list(content)
            case ByteArray():
                out.array(content)
            case _:
                raise TypeError(f"{key}: {type(content).__name__} is not written")
    out.parts.append(b"u.")
    return b"".join(out.parts)


class _Writer:
    """The parts of a pickle under construction and how many of its values have a number."""

    BATCH = 1000  # items that cPickle appends to a list at a time

    def __init__(self) -> None:
        self.parts: list[bytes | memoryview] = []
        self.remembered = 0

    def remember(self) -> None:
        self.remembered += 1
        if self.remembered < 256:
            self.parts.append(b"q" + self.remembered.to_bytes(1, "little"))
        else:
            self.parts.append(b"r" + self.remembered.to_bytes(4, "little"))

    def string(self, text: str) -> None:
        data = text.encode("ascii")
        self.parts.append(b"U" + len(data).to_bytes(1, "little") + data)
        self.remember()

    def integer(self, value: int) -> None:
        for code, width in ((b"K", 1), (b"M", 2), (b"J", 4)):
            if value < 256**width:
                self.parts.append(code + value.to_bytes(width, "little"))
                return
        raise ValueError(f"{value} does not fit into four bytes")

    def list(self, values: list[object]) -> None:
        self.parts.append(b"]")
        self.remember()
        for start in range(0, len(values), self.BATCH):
            batch = values[start : start + self.BATCH]
            self.parts.append(b"(" if len(batch) > 1 else b"")
            for value in batch:
                if isinstance(value, int):
                    self.integer(value)
                else:
                    self.string(str(value))
            self.parts.append(b"e" if len(batch) > 1 else b"a")

    def array(self, array: ByteArray) -> None:
        self.parts.append(b"cnumpy.core.multiarray\n_reconstruct\n")
        self.remember()
        self.parts.append(b"cnumpy\nndarray\n")
        self.remember()
        self.parts.append(b"K\x00\x85U\x01b\x87R")
        self.remember()
        self.parts.append(b"(K\x01")
        for size in array.shape:
            self.integer(size)
        self.parts.append(b"\x86cnumpy\ndtype\n")
        self.remember()
        self.parts.append(b"U\x02u1K\x00K\x01\x87R")
        self.remember()
        self.parts.append(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
        self.parts += [b"T", len(array.data).to_bytes(4, "little"), array.data, b"tb"]
