"""From settings to CloudFormation: templates, and a cloud assembly that `cdk deploy --app DIR` takes."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.errors import HoldfastError
from holdfast.platforms import synthesis_cache
from holdfast.platforms.node import use_bundled_node
from holdfast.platforms.promises import refuse_what_cannot_be_kept
from holdfast.platforms.registry import entry_of
from holdfast.platforms.synthesis_cache import Listed
from holdfast.settings.platform import PlatformSettings

if TYPE_CHECKING:
    from aws_cdk import App


class UnbuiltClaim(HoldfastError):
    """A platform says of itself what its templates do not bear out: a defect of Holdfast, not of the settings."""


@dataclass(frozen=True, kw_only=True)
class SynthesizedStack:
    """One stack, ready to deploy; lists are in the order of deployment."""

    platform: str
    name: str
    region: str
    template_path: Path
    template: dict[str, Any]


# Reports of the CDK about itself, and metadata resources, would make templates differ from machine to machine.
_CONTEXT = {
    "aws:cdk:disable-asset-staging": False,
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    # What the CDK's own validator finds stops the synthesis: it has found what nothing else here would have.
    "@aws-cdk/core:validateAgainstDefaultRules": True,
}


def synthesize(
    platforms: Sequence[PlatformSettings],
    out: Path,
    *,
    bundle: Path | None = None,
    native: bool = False,
    cache: Path | None = None,
) -> list[SynthesizedStack]:
    """Write `out/<stack>.template.json` for each stack of all platforms, and one assembly around them.

    The same input gives the same bytes, and a platform's templates are the same alone and among others.

    Args:
        bundle: the functions' zip; without it, a platform with functions builds its own from the locked wheels.
        native: build it with wheels of this machine, for an embedded AWS.
        cache: a folder of finished assemblies; what is there is copied, what is not is put there.
    Raises:
        InvalidRequest: a promise that the settings cannot keep; nothing is written.
        UnbuiltClaim: a tag or output says what is not built.
    """
    for settings in platforms:
        refuse_what_cannot_be_kept(settings)
    if cache is None:
        return _synthesize(platforms, out, bundle, native=native)
    key = synthesis_cache.key_now(platforms, bundle=bundle, native=native)
    listed = synthesis_cache.restore(cache, key, out)
    if listed is None:
        with tempfile.TemporaryDirectory(prefix="holdfast-") as made:
            stacks = _synthesize(platforms, Path(made), bundle, native=native)
            listed = [Listed(platform=one.platform, name=one.name, region=one.region) for one in stacks]
            synthesis_cache.store(cache, key, Path(made), listed)
            shutil.copytree(made, out, dirs_exist_ok=True)
    return [_read(one.platform, out, one.name, one.region) for one in listed]


def _synthesize(
    platforms: Sequence[PlatformSettings], out: Path, bundle: Path | None, *, native: bool
) -> list[SynthesizedStack]:
    use_bundled_node()
    from aws_cdk import App

    # The CDK's own process keeps the working folder it was started in: only absolute paths mean the same to both.
    app = App(outdir=str(out.absolute()), analytics_reporting=False, tree_metadata=False, context=_CONTEXT)
    return _build(app, platforms, out, bundle and bundle.absolute(), native=native)


def synthesize_for_cdk(directory: Path) -> None:
    """Do what `cdk synth` expects of an app: read the settings file in `directory`, write where the CLI says, check.

    The environment's name is HOLDFAST_ENVIRONMENT's, the file's, the context's `environmentSuffix`, or dev.
    """
    from holdfast.checks.demands import from_platform
    from holdfast.checks.registry import all_rules
    from holdfast.platforms.validation import attach
    from holdfast.settings.environment import environment_name, process_environment
    from holdfast.settings.load import DEFAULT_FILE, defaults, load

    use_bundled_node()
    from aws_cdk import App

    app = App(analytics_reporting=False, tree_metadata=False, context=_CONTEXT)
    suffix = app.node.try_get_context("environmentSuffix")
    environ, file = process_environment(), directory / DEFAULT_FILE
    if file.exists():
        settings = load(file, environ=environ, otherwise=suffix)
    else:
        chosen = environment_name(None, environ)
        settings = defaults("backup-vault", environment=suffix if chosen is None else chosen)
    refuse_what_cannot_be_kept(settings)
    demands = from_platform(settings, directory)
    attach(app, demands, all_rules(demands.rule_folders))
    _build(app, [settings], Path(app.outdir), None, native=False)


def _build(
    app: App, platforms: Sequence[PlatformSettings], out: Path, bundle: Path | None, *, native: bool
) -> list[SynthesizedStack]:
    built = []
    for settings in platforms:
        builder = entry_of(settings.platform).builder()
        built.append((settings, builder, builder.build(app, settings, _bundle_of(builder, settings, bundle, native))))
    app.synth()
    found = []
    for settings, builder, stacks in built:
        read = [_read(settings.platform, out, stack.stack_name, stack.region) for stack in stacks]
        unbuilt = builder.contradictions_of(settings, [one.template for one in read])
        if unbuilt:
            raise UnbuiltClaim(f"{settings.platform} claims what it does not build: {'; '.join(unbuilt)}")
        found += read
    return found


def _bundle_of(builder: Any, settings: PlatformSettings, given: Path | None, native: bool) -> Callable[[], Path]:
    """Return what gives the functions' zip; a platform without functions never calls it, and nothing is built.

    Only a bundle with wheels in it differs by machine: its platform has a `native_bundle_of` too.
    """

    def give() -> Path:
        if given:
            return given
        build = (native and getattr(builder, "native_bundle_of", None)) or builder.bundle_of
        found: Path = build(settings)
        return found

    return give


def _read(platform: str, out: Path, name: str, region: str) -> SynthesizedStack:
    path = out / f"{name}.template.json"
    template = json.loads(path.read_bytes())
    return SynthesizedStack(platform=platform, name=name, region=region, template_path=path, template=template)
