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

from dataclasses import dataclass
from enum import StrEnum

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


KINDS = {kind.value: kind for kind in EntryKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name of a directory. `content` and `nodes` are behind `levels` lists of lists; `xattrs` are sorted pairs."""

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
        """Return this file's entry with its content; without a fingerprint unless it `is_settled`.

        As `replace` does, in a third of the time: it is done for every file read.
        """
        return Entry(
            name=self.name,
            kind=self.kind,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            user=self.user,
            group=self.group,
            mtime_ns=self.mtime_ns,
            size=size,
            content=content,
            levels=levels,
            nodes=self.nodes,
            target=self.target,
            xattrs=self.xattrs,
            device=self.device,
            link=self.link,
            fingerprint=self.fingerprint if is_settled else b"",
        )


def refuse_name(name: bytes) -> str | None:
    """Say why `name` cannot be one name of a directory; None if it can."""
    if name in (b"", b".", b".."):
        return f"the name {name!r} is reserved"
    if b"/" in name or b"\0" in name:
        return f"the name {name!r} holds a slash or a NUL"
    return None


def encode_entry(entry: Entry) -> bytes:
    """Return the entry's canonical bytes: equal entries, equal bytes."""
    seconds, nanoseconds = divmod(entry.mtime_ns, NANOSECONDS)
    fields = (
        ("n", entry.name),
        ("t", entry.kind.value),
        ("m", entry.mode),
        ("u", entry.uid),
        ("g", entry.gid),
        ("U", entry.user),
        ("G", entry.group),
        ("M", seconds),
        ("N", nanoseconds),
        ("s", entry.size),
        ("c", entry.content),
        ("i", entry.levels),
        ("d", entry.nodes),
        ("l", entry.target),
        ("x", dict(entry.xattrs)),
        ("r", entry.device),
        ("h", entry.link),
        ("f", entry.fingerprint),
    )
    return pack({key: value for key, value in fields if value})


def decode_entry(value: object) -> Entry:
    """Return the entry that a decoded map spells.

    Raises:
        IntegrityError: a field of the wrong type or range, an unknown kind, a name no directory can hold.
    """
    fields = Fields(value, "a tree entry")
    name = fields.get("n", bytes)
    if problem := refuse_name(name):
        raise fields.refusal(f"is refused: {problem}")
    kind = KINDS.get(fields.get("t", str))
    if kind is None:
        raise fields.refusal(f"has the unknown kind {fields.get('t', str)!r}")
    levels = fields.integer("i", 0, most=MAX_LEVELS)
    nodes = fields.ids("d")
    content = decode_items(fields.get("c", list, []), levels)
    if (nodes and kind is not EntryKind.DIRECTORY) or (content and kind is not EntryKind.FILE):
        raise fields.refusal(f"of kind {kind.value} holds what that kind cannot hold")
    return Entry(
        name=name,
        kind=kind,
        mode=fields.integer("m", 0, most=0o7777),
        uid=fields.integer("u", 0, most=2**32 - 1),
        gid=fields.integer("g", 0, most=2**32 - 1),
        user=fields.get("U", bytes, b""),
        group=fields.get("G", bytes, b""),
        mtime_ns=fields.integer("M", 0, least=None) * NANOSECONDS + fields.integer("N", 0, most=NANOSECONDS - 1),
        size=fields.integer("s", 0),
        content=content,
        levels=levels,
        nodes=tuple(ChunkId(node) for node in nodes),
        target=_target(fields, kind),
        xattrs=_xattrs(fields),
        device=fields.integer("r", 0, most=2**63 - 1),
        link=fields.get("h", bytes, b""),
        fingerprint=fields.get("f", bytes, b""),
    )


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


def _target(fields: Fields, kind: EntryKind) -> bytes:
    target = fields.get("l", bytes, b"")
    if kind is EntryKind.SYMLINK and (not target or b"\0" in target):
        raise fields.refusal("is a symbolic link to nowhere")
    return target


def _xattrs(fields: Fields) -> tuple[tuple[bytes, bytes], ...]:
    pairs = tuple(sorted(fields.get("x", dict, {}).items(), key=lambda pair: str(pair[0])))
    if any(type(name) is not bytes or type(value) is not bytes or b"\0" in name for name, value in pairs):
        raise fields.refusal("has an extended attribute that is not bytes")
    return tuple(sorted(pairs))
