"""Hostile bytes for every decoder: valid ones, changed at random; `python -m tests.support.hostile --seconds 600`.

A decoder that is given them may refuse them with the errors it names, or return; anything else is a find. Memory is
watched too: no decoder may take much more than a block's limit.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType

import msgpack

import holdfast
from holdfast.backup.blocks import compress, decompress
from holdfast.backup.chunking import ChunkLimits
from holdfast.backup.entry import Entry, EntryKind
from holdfast.backup.ids import ChunkId, PackId, RepositoryId, SnapshotId
from holdfast.backup.key_file import FileKey, decode_key_file, encode_key_file
from holdfast.backup.key_ring import SealedRing, decode_ring, open_ring, seal_ring
from holdfast.backup.manifest import decode_manifest, encode_manifest, load_manifest
from holdfast.backup.pack import (
    Block,
    Footer,
    PackBuilder,
    damaged_blocks,
    decode_footer,
    encode_footer,
    footer_in,
    open_block,
)
from holdfast.backup.ports import PackKind, Record
from holdfast.backup.repository import parse_config
from holdfast.backup.resume import NOTED, ROOTS, interrupted_roots, notes_of
from holdfast.backup.sealing import Ring
from holdfast.backup.slot import parse_slot
from holdfast.backup.tree import decode_list, decode_node, held_by_node
from holdfast.backup.wire import pack
from holdfast.errors import HoldfastError, IntegrityError, InvalidRequest, WrongKey
from holdfast.vault.jobs import Job, parse_job
from tests.support.chunks import snapshot
from tests.support.entries import encode_nodes
from tests.support.repositories import KEYRING, any_created, any_repository, cheap_key, objects_of

SOURCE = Path(holdfast.__file__).parent
REPOSITORY = RepositoryId("a" * 32)
PACK = PackId("b" * 64)
MASTER = bytes(32)
MOST_BYTES = 64 * 1024 * 1024
"""No decoder needs more beyond what it is given: a block of 16 MiB, twice, and room."""


@dataclass(frozen=True)
class Decoder:
    """One decoder of untrusted bytes, bytes that it takes, and whether they are msgpack inside."""

    decode: Callable[[bytes], object]
    seed: bytes
    is_msgpack: bool = False
    refuses_by: type[HoldfastError] = IntegrityError


def _node() -> bytes:
    entries = [
        Entry(name=b"a", kind=EntryKind.FILE, size=9, content=(ChunkId(b"c" * 32), 4096), xattrs=((b"user.x", b"y"),)),
        Entry(name=b"b", kind=EntryKind.DIRECTORY, nodes=(ChunkId(b"d" * 32),)),
        Entry(name=b"l", kind=EntryKind.SYMLINK, target=b"a", link=b"group", fingerprint=b"f", device=3),
    ]
    return encode_nodes(entries, KEYRING.chunk_id)[0]


def _pack() -> bytes:
    builder = PackBuilder(PackKind.DATA, KEYRING.sealer())
    for text in (b"one " * 500, b"two"):
        builder.add([(KEYRING.chunk_id(text), text)])
    return bytes(builder.finish().data)


def _manifest() -> bytes:
    repository = any_repository()
    return encode_manifest(load_manifest(repository, snapshot(repository, {"a": b"text"}, tags=["t"])))


def _manifest_id() -> SnapshotId:
    found: SnapshotId = SnapshotId(str(msgpack.unpackb(SEEDS["manifest"])["id"]))
    return found


def _footer() -> Footer:
    chunks = tuple((ChunkId(bytes([n]) * 32), 100 + n) for n in range(3))
    return Footer(PackKind.DATA, (Block(8, 300, 303, chunks), Block(308, 90, 50, ((ChunkId(b"z" * 32), 50),))))


def _created(prefix: str) -> bytes:
    found = objects_of(any_created())
    return next(data for key, data in found.items() if key.startswith(prefix))


SEEDS: Mapping[str, bytes] = {
    "manifest": _manifest(),
    "slot": _created("keys/"),
    "config": _created("config"),
    "pack": _pack(),
    "block": compress(b"some text " * 300),
    "ring": seal_ring(Ring.new(Random(1).randbytes), ChunkLimits(), MASTER, REPOSITORY, number=1).data,
}


def _open_all(data: bytes) -> object:
    footer = footer_in(KEYRING, PACK, data)
    for block in footer.blocks:
        open_block(KEYRING, block, data[block.offset : block.offset + block.stored_bytes])
    return footer


def _unwrap_by_file(data: bytes) -> object:
    try:
        slot = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return FileKey(MASTER).unwrap(slot, REPOSITORY) if isinstance(slot, dict) else None


def _unwrap(data: bytes) -> object:
    try:
        slot = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(slot, dict) or any(_is_dear(slot.get(name)) for name in ("memory_kib", "passes", "lanes")):
        return None
    return cheap_key().unwrap(slot, REPOSITORY)


def _resumed(data: bytes) -> object:
    """Go on with an attempt whose notes are these: a line of roots, one of how many bytes they hold."""
    roots, _, noted = data.decode(errors="replace").partition("\n")
    repository, id_ = any_repository(), SnapshotId("e" * 32)
    now = repository.clock.now()
    notes = notes_of(repository, [b"/source"], [], 0)
    figures = {**notes, ROOTS: roots, NOTED: int(noted) if noted.isdecimal() else noted}
    repository.ledger.begin(Record(id=id_, user="u", host="h", start=now, lease_until=now, epoch=1, figures=figures))
    return interrupted_roots(repository, id_, [b"/source"])


def _is_dear(value: object) -> bool:
    """Say whether a slot asks for work that is allowed and too slow to try by the thousand."""
    try:
        return 64 < int(value) <= 2**20  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return False


RUN = "2026-11-21T02:00:00Z"
RING = {
    "id": bytes(32),
    "chunker": bytes(32),
    "generations": [[1, bytes(32)], [2, bytes(32)]],
    "limits": {"least": 64, "average": 128, "most": 256},
}
DECODERS: Mapping[str, Decoder] = {
    "pack footer": Decoder(lambda data: decode_footer(data, PACK), encode_footer(_footer()), True),
    "whole pack": Decoder(_open_all, SEEDS["pack"]),
    "damaged pack": Decoder(lambda data: damaged_blocks(KEYRING, PACK, data), SEEDS["pack"]),
    "block": Decoder(lambda data: decompress(data, 3000), SEEDS["block"]),
    "tree node": Decoder(decode_node, _node(), True),
    "references of a tree node": Decoder(lambda data: list(held_by_node(data)), _node(), True),
    "content list": Decoder(lambda data: decode_list(data, 0), pack([b"c" * 32, 4096, b"d" * 32]), True),
    "list of lists": Decoder(lambda data: decode_list(data, 1), pack([b"c" * 32, b"d" * 32]), True),
    "manifest": Decoder(lambda data: decode_manifest(data, _manifest_id()), SEEDS["manifest"], True),
    "sealed ring": Decoder(lambda data: open_ring(SealedRing(1, data), MASTER, REPOSITORY), SEEDS["ring"]),
    "ring": Decoder(decode_ring, pack(RING), True),
    "config": Decoder(parse_config, SEEDS["config"]),
    "key slot": Decoder(lambda data: parse_slot("keys/slot-1", data), SEEDS["slot"]),
    "key slot unwrapped": Decoder(_unwrap, SEEDS["slot"]),
    "key file": Decoder(decode_key_file, encode_key_file(MASTER), refuses_by=InvalidRequest),
    "key file's slot": Decoder(_unwrap_by_file, json.dumps(FileKey(MASTER).wrap(MASTER, REPOSITORY)).encode()),
    "notes": Decoder(_resumed, b"c" * 64 + b";" + b"d" * 64 + b"," + b"e" * 64 + b"\n1000"),
    "vault job": Decoder(
        lambda data: parse_job(data.decode(errors="replace")),
        Job(user="ann", run=RUN).body().encode(),
        False,
        InvalidRequest,
    ),
}
REACHED_OTHERWISE: Mapping[str, str] = {
    "backup.store_apart._decoded": "an entry of our own worker's",
    "backup.derivation.Derivation.key_for": "a pipe from a process of our own",
    "backup.workers._Link.receive": "a socket between two of our own processes",
    "backup.workers.Workers._hear": "an error of our own worker's",
    "backup.workers._pickled": "made in the same line",
    "backup.stores.sqlite_ledger._to_record": "our own catalogue; a damaged one is rebuilt",
    "backup.usage._Sums.add": "made by the process itself",
    "backup.stores.aws.service_models._PlainFiles._load_file": "a file of the SDK that is installed",
    "backup.spill.ChunksByPack.placed": "made by the process itself",
}
"""Functions that take bytes or text apart and are not given anything an attacker wrote."""
PARSING = frozenset(
    {"unpack", "unpackb", "unpack_from", "iter_unpack", "unpack_json", "loads", "decompress", "fromisoformat"}
)
"""Calls by which a function shows that it decodes."""
ODD: tuple[object, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63 - 1, 2**64 - 1, 0.5, float("nan"), "", "x", b"", b"\0", b"c" * 32, [], {}, [[]],
    {"a": 1}, {1: 2}, {b"k": b"v"}, [b"c" * 32] * 40, "..", "\ud7ff", b"\xff" * 300,
)  # fmt: skip


def hostile(decoder: Decoder, random: Random) -> bytes:
    """Return the seed, changed in a few places: bytes, or values inside."""
    if decoder.is_msgpack and random.random() < 0.6:
        return _changed_values(decoder.seed, random)
    data = bytearray(decoder.seed)
    for _ in range(random.randint(1, 4)):
        _change_bytes(data, random)
    return bytes(data)


def _change_bytes(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    what = random.randrange(6)
    if what == 0 and at < len(data):
        data[at] ^= 1 << random.randrange(8)
    elif what == 1 and at < len(data):
        data[at] = random.choice((0, 0x7F, 0x80, 0xFF, 0xC1, 0xDD, 0xDF, 0xC6))
    elif what == 2:
        del data[at:]
    elif what == 3:
        data[at:at] = random.randbytes(random.randint(1, 9))
    elif what == 4:
        end = min(len(data), at + random.randint(1, 30))
        data[at:at] = data[at:end]
    else:
        del data[at : at + random.randint(1, 30)]


def _changed_values(seed: bytes, random: Random) -> bytes:
    value = msgpack.unpackb(seed, strict_map_key=False)
    for _ in range(random.randint(1, 3)):
        value = _with_a_change(value, random)
    try:
        return bytes(msgpack.packb(value, use_bin_type=True))
    except (ValueError, TypeError, OverflowError):
        return seed


def _with_a_change(value: object, random: Random) -> object:
    """Replace, drop or repeat one value somewhere inside."""
    if random.random() < 0.25 or not isinstance(value, list | dict) or not value:
        return random.choice(ODD)
    if isinstance(value, list):
        at = random.randrange(len(value))
        if random.random() < 0.2:
            return [*value[:at], *value[at + 1 :]] if random.random() < 0.5 else [*value, value[at]]
        return [*value[:at], _with_a_change(value[at], random), *value[at + 1 :]]
    key = random.choice(list(value))
    if random.random() < 0.2:
        return {name: one for name, one in value.items() if name != key}
    return {**value, key: _with_a_change(value[key], random)}


def try_one(name: str, data: bytes) -> str:
    """Return what a decoder made of the bytes; whatever else it raises keeps rising."""
    try:
        DECODERS[name].decode(data)
    except (DECODERS[name].refuses_by, WrongKey) as error:
        return type(error).__name__
    return "taken"


def parsing_functions() -> set[str]:
    """Return every function of the engine and the vault that takes bytes or text apart, as `module.qualified.name`."""
    found = set()
    for room in ("backup", "vault"):
        for path in sorted((SOURCE / room).rglob("*.py")):
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            found |= {f"{module}.{name}" for name in _parsing(ast.parse(path.read_text()), ())}
    return found


def _parsing(node: ast.AST, above: tuple[str, ...]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield from _parsing(child, (*above, child.name))
        elif isinstance(child, ast.Call) and _called(child.func) in PARSING and above:
            yield ".".join(above)
            yield from _parsing(child, above)
        else:
            yield from _parsing(child, above)


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def reached(names: Iterable[str]) -> set[str]:
    """Return the functions of the engine and the vault that these decoders run through with what they take."""
    found = set()

    def look(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(SOURCE):
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            found.add(f"{module}.{frame.f_code.co_qualname.replace('.<locals>', '')}")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        for name in names:
            try_one(name, DECODERS[name].seed)
    finally:
        sys.setprofile(before)
    return found


def main() -> int:
    """Try hostile bytes on every decoder for so long; print what became of them, and the bytes of a find."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    random = Random(options.seed)
    counts: Counter[tuple[str, str]] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        for name, decoder in DECODERS.items():
            data = hostile(decoder, random)
            try:
                counts[name, try_one(name, data)] += 1
            except Exception as error:  # noqa: BLE001 - what it is looking for
                print(f"FOUND {name}: {type(error).__name__}: {error}: {data.hex()}")
                counts[name, "FOUND"] += 1
    for (name, outcome), count in sorted(counts.items()):
        print(f"{name:20} {outcome:15} {count}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(f"{sum(counts.values())} in all; memory grew by {grown / 2**20:.1f} MiB at most")
    return int(any(outcome == "FOUND" for _, outcome in counts) or grown > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
