"""Reads a CDK cloud assembly: its stacks in the order of deployment, and the files they need uploaded first."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from holdfast.errors import InvalidRequest, NotFound

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same folder, the same bytes


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file, or a folder to be zipped, and the bucket and key a template looks for it at."""

    path: Path
    bucket: str
    key: str

    def content(self) -> bytes:
        """Return the bytes to upload."""
        return zipped(self.path) if self.path.is_dir() else self.path.read_bytes()


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack to deploy; `assets` are uploaded first."""

    name: str
    region: str
    template: dict[str, Any]
    assets: tuple[Asset, ...] = ()
    template_bucket: str | None = None  # where a template too long for a request goes
    tags: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)  # values over the template's defaults

    def with_parameters(self, given: Mapping[str, str]) -> Stack:
        """Return the stack with those of the values that its template asks for."""
        asked = self.template.get("Parameters", {})
        return replace(self, parameters={name: value for name, value in given.items() if name in asked})


def read_assembly(folder: Path, *, account: str, default_region: str) -> list[Stack]:
    """Return the assembly's stacks, each after those it depends on.

    Args:
        account: put into asset bucket names, which the assembly leaves open.
        default_region: of stacks that are not bound to one.
    Raises:
        NotFound: `folder` holds no assembly. InvalidRequest: its stacks depend on each other in a circle.
    """
    try:
        artifacts = json.loads((folder / "manifest.json").read_bytes())["artifacts"]
    except FileNotFoundError as error:
        raise NotFound(f"{folder} is no cloud assembly: it has no manifest.json; synthesize first") from error
    stacks = {id_: one for id_, one in artifacts.items() if one["type"] == "aws:cloudformation:stack"}
    order = TopologicalSorter({id_: set(one.get("dependencies", ())) & set(stacks) for id_, one in stacks.items()})
    try:
        return [_stack(folder, stacks[id_], id_, account, default_region) for id_ in order.static_order()]
    except ValueError as error:
        raise InvalidRequest(f"{folder}: stacks depend on each other in a circle: {error.args[1]}") from error


def zipped(folder: Path) -> bytes:
    """Return the folder as a zip whose bytes depend on its content alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), ZIP_TIME)
                entry.external_attr = (path.stat().st_mode & 0o777) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _stack(folder: Path, artifact: dict[str, Any], id_: str, account: str, default_region: str) -> Stack:
    properties = artifact["properties"]
    region = artifact.get("environment", "").rpartition("/")[2]
    region = default_region if region in ("", "unknown-region") else region
    template = json.loads((folder / properties["templateFile"]).read_bytes())
    names = {"${AWS::AccountId}": account, "${AWS::Region}": region, "${AWS::Partition}": "aws"}
    files = _files(folder, folder / f"{id_}.assets.json", names)
    return Stack(
        name=properties.get("stackName", id_),
        region=region,
        template=template,
        assets=tuple(one for one in files if one.path.name != properties["templateFile"]),
        template_bucket=next((one.bucket for one in files if one.path.name == properties["templateFile"]), None),
        tags=properties.get("tags", {}),
    )


def _files(folder: Path, listing: Path, names: dict[str, str]) -> list[Asset]:
    if not listing.exists():
        return []
    files = json.loads(listing.read_bytes()).get("files", {})
    return [
        Asset(
            path=folder / one["source"]["path"],
            bucket=_filled(where["bucketName"], names),
            key=_filled(where["objectKey"], names),
        )
        for one in files.values()
        for where in one["destinations"].values()
    ]


def _filled(text: str, names: dict[str, str]) -> str:
    for placeholder, value in names.items():
        text = text.replace(placeholder, value)
    return text
