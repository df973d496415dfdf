"""`holdfast dump SNAPSHOT:PATH`: one file on standard output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

import click

from holdfast.cli.keys import GivenKeys, takes_keys
from holdfast.cli.repository import opened, repository_option
from holdfast.errors import IntegrityError, InvalidRequest

if TYPE_CHECKING:
    from holdfast.backup.content import FileContent
    from holdfast.backup.entry import Entry

ZEROS = bytes(64 * 1024)


@click.command("dump")
@click.argument("file", metavar="SNAPSHOT:PATH")
@repository_option
@takes_keys
def command(file: str, repo: str, keys: GivenKeys) -> None:
    """Write the bytes of one file to standard output. SNAPSHOT is `latest` or the start of an id; PATH as for `ls`.

    Every byte is verified before it is written; at a damaged one it ends with status 1, after what comes before it.
    """
    from holdfast.backup.content import FileContent
    from holdfast.backup.entry import EntryKind
    from holdfast.backup.locate import locate
    from holdfast.backup.manifest import load_manifest
    from holdfast.backup.reader import ChunkReader
    from holdfast.backup.snapshots import resolve

    name, _, path = file.partition(":")
    if not path:
        raise InvalidRequest("name a file: SNAPSHOT:PATH, as in latest:docs/letter.txt")
    if sys.stdout is None:
        raise InvalidRequest("standard output is closed: send it to a file or a program")
    with opened(repo, keys) as repository:
        reader = ChunkReader(repository)
        manifest = load_manifest(repository, resolve(repository, name))
        entry = locate(reader, manifest, os.fsencode(path)).entry
        if entry.kind is not EntryKind.FILE:
            raise InvalidRequest(f"{path!r} is a {entry.kind.name.lower()}, not a file; `holdfast restore` writes it")
        _write(FileContent(reader), entry, sys.stdout.buffer)


def _write(content: FileContent, entry: Entry, out: BinaryIO) -> None:
    for piece in content.of(entry):
        if isinstance(piece, int):
            out.writelines(ZEROS[: piece - at] for at in range(0, piece, len(ZEROS)))
        else:
            out.write(piece)
    out.flush()
    if content.bytes_given != entry.size:
        raise IntegrityError(f"a file of {entry.size} bytes has {content.bytes_given}; run `holdfast verify`")
