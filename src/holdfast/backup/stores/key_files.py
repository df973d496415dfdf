"""Key files on disk: readable by their owner alone, made once and never changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from holdfast.backup.key_file import FileKey, decode_key_file, encode_key_file
from holdfast.backup.key_sizes import KEY_BYTES
from holdfast.backup.sealing import Random
from holdfast.backup.stores.local import sync_folder
from holdfast.errors import InvalidRequest

MOST_BYTES = 200
"""More than a key file of any version has: what is longer is another file, named by mistake."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO
ONLY_OWNER = 0o600


def read_key_file(path: Path) -> FileKey:
    """Return the key of a file that only its owner may read.

    Raises:
        InvalidRequest: it cannot be read, others may read it too, or it is no key file.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MOST_BYTES)
    except OSError as error:
        raise InvalidRequest(f"the key file {str(path)!r} cannot be read: {error.strerror}") from error
    # As ssh does with private keys: what belongs to another user is theirs to guard.
    if status.st_uid == os.getuid() and status.st_mode & OTHERS:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise InvalidRequest(f"others may use the key file {str(path)!r} (mode {mode}): chmod 600 it or make a new one")
    try:
        return FileKey(decode_key_file(data))
    except InvalidRequest as error:
        raise InvalidRequest(f"{str(path)!r} {error}") from error


def make_key_file(path: Path, *, random: Random = os.urandom) -> FileKey:
    """Write a new key to a file that did not exist, readable by its owner alone and durable on return.

    Raises:
        InvalidRequest: the file exists or cannot be written; nothing of it is left.
    """
    key = random(KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, ONLY_OWNER)
        try:
            with open(descriptor, "wb") as file:
                file.write(encode_key_file(key))
                file.flush()
                os.fsync(descriptor)
            sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidRequest(f"the key file {str(path)!r} cannot be made: {error.strerror}") from error
    return FileKey(key)
