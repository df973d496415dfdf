"""From settings to CloudFormation: templates, and a cloud assembly that `cdk deploy --app DIR` takes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.platforms.node import use_bundled_node
from holdfast.platforms.promises import refuse_what_cannot_be_kept
from holdfast.platforms.registry import entry_of
from holdfast.settings.backup_vault import BackupVault
from holdfast.settings.platform import PlatformSettings


class UnbuiltClaim(HoldfastError):
    """A platform says of itself what its templates do not bear out: a defect of Holdfast, not of the settings."""


@dataclass(frozen=True, kw_only=True)
class SynthesizedStack:
    """One stack, ready to deploy; lists are in the order of deployment."""

    name: str
    region: str
    template_path: Path
    template: dict[str, Any]


# Reports of the CDK about itself, and metadata resources, would make templates differ from machine to machine.
_CONTEXT = {
    "aws:cdk:disable-asset-staging": False,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
}


def synthesize(settings: PlatformSettings, out: Path, *, bundle: Path | None = None) -> list[SynthesizedStack]:
    """Write `out/<stack>.template.json` for each stack, and the assembly around them; the same input, the same bytes.

    Args:
        bundle: the functions' zip; without it, it is built from the locked wheels.
    Raises:
        InvalidRequest: a promise that the settings cannot keep; nothing is written.
        UnbuiltClaim: a tag or output says what is not built.
    """
    refuse_what_cannot_be_kept(settings)
    use_bundled_node()
    with tempfile.TemporaryDirectory() as scratch:
        return _synthesize(settings, out, bundle or _built_bundle(settings, Path(scratch)))


def _synthesize(settings: PlatformSettings, out: Path, bundle: Path) -> list[SynthesizedStack]:
    from aws_cdk import App

    platform = entry_of(settings.platform).builder()
    app = App(outdir=str(out), analytics_reporting=False, tree_metadata=False, context=_CONTEXT)
    stacks = platform.build(app, settings, bundle)
    app.synth()
    found = [_read(out, stack.stack_name, stack.region) for stack in stacks]
    unbuilt = platform.contradictions_of(settings, [one.template for one in found])
    if unbuilt:
        raise UnbuiltClaim(f"{settings.platform} claims what it does not build: {'; '.join(unbuilt)}")
    return found


def _read(out: Path, name: str, region: str) -> SynthesizedStack:
    path = out / f"{name}.template.json"
    return SynthesizedStack(name=name, region=region, template_path=path, template=json.loads(path.read_bytes()))


def _built_bundle(settings: PlatformSettings, directory: Path) -> Path:
    from holdfast.vault.bundle import build

    assert isinstance(settings, BackupVault)
    built = build(directory, architecture=settings.vault.architecture, python="3.13")
    return built.path
