"""One name of a directory and its bytes: pure, and hostile bytes are refused.

An entry is a map with these keys, each left out where it says nothing:

===  ==========================================  ===  ==========================================
n    name                                        c    content: chunk ids and lengths of holes
t    kind: f d l p c b                           i    levels of lists above the content or the nodes
m    permission bits, 0 to 0o7777                d    nodes of a directory
u g  numeric owner and group                     l    target of a symbolic link
U G  their names                                 x    extended attributes, a map
M N  modification time: seconds, nanoseconds     r    device number
s    size in bytes                               h    hard-link group: equal bytes, one inode
f    fingerprint: opaque token of the source, equal while the content is; of a folder: while all that
     stands in it is, but what is in the folders in it
===  ==========================================  ===  ==========================================
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from holdfast.backup.ids import ChunkId
from holdfast.backup.wire import Fields, pack
from holdfast.errors import IntegrityError

Item = ChunkId | int
"""A chunk of content by id, or a hole by its length in bytes."""

Path = tuple[bytes, ...]
"""Names from a root downwards; `()` is the root itself."""

MAX_LEVELS = 8
MAX_XATTR_BYTES = 64 * 1024
NANOSECONDS = 1_000_000_000


class EntryKind(StrEnum):
    """What an entry is; a decoder refuses any other."""

    FILE = "f"
    DIRECTORY = "d"
    SYMLINK = "l"
    FIFO = "p"
    CHARACTER_DEVICE = "c"
    BLOCK_DEVICE = "b"


FIELDS: Mapping[str, tuple[type, int, int]] = {
    "n": (bytes, 0, 0),
    "t": (str, 0, 0),
    "m": (int, 0, 0o7777),
    "u": (int, 0, 2**32 - 1),
    "g": (int, 0, 2**32 - 1),
    "U": (bytes, 0, 0),
    "G": (bytes, 0, 0),
    "M": (int, -(2**63), 2**64),
    "N": (int, 0, NANOSECONDS - 1),
    "s": (int, 0, 2**64),
    "c": (list, 0, 0),
    "i": (int, 0, MAX_LEVELS),
    "d": (list, 0, 0),
    "l": (bytes, 0, 0),
    "x": (dict, 0, 0),
    "r": (int, 0, 2**63 - 1),
    "h": (bytes, 0, 0),
    "f": (bytes, 0, 0),
}
"""The type of each key and, of numbers, the least and the most; in the order in which they are written."""

KINDS = {kind.value: kind for kind in EntryKind}


class Entry(NamedTuple):
    """One name of a directory. `content` and `nodes` are behind `levels` lists of lists; `xattrs` are sorted pairs.

    A tuple, since there are as many as there are files: made in a quarter of a data class's time.
    """

    name: bytes
    kind: EntryKind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    user: bytes = b""
    group: bytes = b""
    mtime_ns: int = 0
    size: int = 0
    content: tuple[Item, ...] = ()
    levels: int = 0
    nodes: tuple[ChunkId, ...] = ()
    target: bytes = b""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    device: int = 0
    link: bytes = b""
    fingerprint: bytes = b""

    def holding(self, content: tuple[Item, ...], levels: int, size: int, *, is_settled: bool = True) -> Entry:
        """Return this file's entry with its content; without a fingerprint unless it `is_settled`."""
        fingerprint = self.fingerprint if is_settled else b""
        return self._replace(size=size, content=content, levels=levels, fingerprint=fingerprint)


def refuse_name(name: bytes) -> str | None:
    """Say why `name` cannot be one name of a directory; None if it can."""
    if len(name) <= 2 and name in (b"", b".", b".."):
        return f"the name {name!r} is reserved"
    if b"/" in name or b"\0" in name:
        return f"the name {name!r} holds a slash or a NUL"
    return None


def encode_entry(entry: Entry) -> bytes:
    """Return the entry's canonical bytes: equal entries, equal bytes."""
    seconds, nanoseconds = divmod(entry.mtime_ns, NANOSECONDS)
    values = (
        entry.name,
        entry.kind,
        entry.mode,
        entry.uid,
        entry.gid,
        entry.user,
        entry.group,
        seconds,
        nanoseconds,
        entry.size,
        entry.content,
        entry.levels,
        entry.nodes,
        entry.target,
        entry.xattrs and dict(entry.xattrs),
        entry.device,
        entry.link,
        entry.fingerprint,
    )
    return pack({key: value for key, value in zip(FIELDS, values, strict=True) if value})


def decode_entry(value: object) -> Entry:
    """Return the entry that a decoded map spells.

    Raises:
        IntegrityError: a field of the wrong type or range, an unknown kind, a name no directory can hold.
    """
    fields = Fields(value, "a tree entry")
    values = fields.checked(FIELDS)
    get = values.get
    name, kind, levels = get("n", b""), KINDS.get(get("t", "")), get("i", 0)
    if problem := refuse_name(name):
        raise fields.refusal(f"is refused: {problem}")
    if kind is None:
        raise fields.refusal(f"has the unknown kind {get('t')!r}")
    content, nodes = get("c"), get("d")
    if (nodes and kind is not EntryKind.DIRECTORY) or (content and kind is not EntryKind.FILE):
        raise fields.refusal(f"of kind {kind.value} holds what that kind cannot hold")
    return Entry(
        name,
        kind,
        get("m", 0),
        get("u", 0),
        get("g", 0),
        get("U", b""),
        get("G", b""),
        get("M", 0) * NANOSECONDS + get("N", 0),
        get("s", 0),
        decode_items(content, levels) if content else (),
        levels,
        tuple(ChunkId(node) for node in fields.ids("d")) if nodes else (),
        _target(fields) if kind is EntryKind.SYMLINK else get("l", b""),
        _xattrs(fields) if "x" in values else (),
        get("r", 0),
        get("h", b""),
        get("f", b""),
    )


class Held(NamedTuple):
    """What one entry refers to."""

    content: tuple[Item, ...] = ()
    levels: int = 0
    nodes: tuple[ChunkId, ...] = ()


def decode_held(value: object) -> Held | None:
    """Return what the entry that a decoded map spells refers to, None if nothing, in a third of the time of the entry.

    All that `decode_entry` finds is found; what else may be wrong with the entry is not looked at.

    Raises:
        IntegrityError: not a map, or references of a wrong type or shape.
    """
    if type(value) is not dict:
        raise Fields(value, "a tree entry").refusal("is no plain map")
    content, nodes = value.get("c"), value.get("d")
    if content is None and nodes is None:
        return None
    fields = Fields(value, "a tree entry")
    levels = fields.integer("i", 0, most=MAX_LEVELS) if "i" in value else 0
    items = decode_items(fields.get("c", list), levels) if content is not None else ()
    return Held(items, levels, tuple(ChunkId(node) for node in fields.ids("d")) if nodes is not None else ())


def decode_items(values: list[object], levels: int) -> tuple[Item, ...]:
    """Return the items of a content list; holes stand only where no lists are below.

    Raises:
        IntegrityError: an item of another kind.
    """
    for value in values:
        chunk = type(value) is bytes and len(value) == 32
        hole = type(value) is int and value > 0 and levels == 0
        if not (chunk or hole):
            raise IntegrityError("a content list holds neither a chunk id nor a hole; run `holdfast verify`")
    return tuple(values)  # type: ignore[arg-type]  # just checked, item by item


def _target(fields: Fields) -> bytes:
    target = fields.get("l", bytes, b"")
    if not target or b"\0" in target:
        raise fields.refusal("is a symbolic link to nowhere")
    return target


def _xattrs(fields: Fields) -> tuple[tuple[bytes, bytes], ...]:
    pairs = tuple(sorted(fields.get("x", dict, {}).items(), key=lambda pair: str(pair[0])))
    if any(type(name) is not bytes or type(value) is not bytes or b"\0" in name for name, value in pairs):
        raise fields.refusal("has an extended attribute that is not bytes")
    return tuple(sorted(pairs))
