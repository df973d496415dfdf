"""A folder of files of many sizes, with links, holes, empty folders and closed ones, its times long settled."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random


def fill(folder: Path, *, seed: int = 1, files: int = 60) -> Path:
    random = Random(seed)
    for number in range(files):
        path = folder / f"d{number % 5}" / f"e{number % 3}" / f"{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.randbytes(random.choice((0, 1, 5_000, 40_000, 300_000))))
    (folder / "twin").write_bytes(b"twin" * 20_000)
    os.link(folder / "twin", folder / "twin of twin")
    (folder / "same").write_bytes(b"twin" * 20_000)
    (folder / "link").symlink_to("twin")
    with (folder / "hole").open("wb") as file:
        file.seek(3_000_000)
        file.write(b"end")
    (folder / "d0" / "empty").mkdir(exist_ok=True)
    (folder / "d1" / "e1").chmod(0o500)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, ns=(1, 1))
    return folder
