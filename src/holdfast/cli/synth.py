"""`holdfast synth`: templates and a cloud assembly."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.errors import ExitStatus, InvalidRequest
from holdfast.settings.environment import DEFAULT_FILE

if TYPE_CHECKING:
    from holdfast.platforms.synthesis import SynthesizedStack
    from holdfast.platforms.synthesis_cache import Told
    from holdfast.settings.platform import PlatformSettings


@click.command("synth")
@click.argument("platforms", nargs=-1, metavar="[PLATFORM...]")
@click.option("--settings", "file", type=click.Path(path_type=Path, dir_okay=False), help="A settings file.")
@click.option("--environment", help="Name of the environment; before HOLDFAST_ENVIRONMENT and the file.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The functions' zip, if built already.",
)
@click.option("--check/--no-check", default=True, show_default=True, help="Run the rules over what is written.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--quiet", is_flag=True, help="No messages on stderr.")
def command(
    platforms: tuple[str, ...],
    file: Path | None,
    environment: str | None,
    out: Path,
    bundle: Path | None,
    check: bool,
    output: str,
    quiet: bool,
) -> int:
    """Write OUT/<stack>.template.json for every stack, in an assembly that `cdk deploy --app OUT` takes.

    Without --settings and names, ./holdfast.yaml is read if it exists; a PLATFORM's name means its defaults.

    Exit status: 0 written; 1 written, but `holdfast check` finds errors, which are told on stderr; 2 bad settings.
    """
    from holdfast.platforms import synthesis_cache as cache
    from holdfast.settings.environment import environment_name, process_environment, synth_folder

    begun = time.perf_counter()
    environ = process_environment()
    folder, name = synth_folder(environ), environment_name(environment, environ)
    if file is None and not platforms and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    asked: list[str | bytes] = [*platforms, "|", str(file), file.read_bytes() if file and file.is_file() else b""]
    asked += [str(name), str(out), str(check), output, str(quiet), str(datetime.now(UTC).date())]
    told = None if bundle else cache.recall(folder, asked, out)
    if told is None:
        told = _synthesize(_settings(platforms, file, environment), out, bundle, folder, check, output, quiet)
        if told.can_be_repeated:
            cache.remember(folder, asked, told)
    for text, to_stderr in told.lines:
        click.echo(text, err=to_stderr)
    if not quiet:
        click.echo(f"{told.stacks} stacks in {time.perf_counter() - begun:.1f} s", err=True)
    return ExitStatus(told.status)


def _synthesize(
    chosen: Sequence[PlatformSettings],
    out: Path,
    bundle: Path | None,
    folder: Path,
    check: bool,
    output: str,
    quiet: bool,
) -> Told:
    from holdfast.platforms import synthesize
    from holdfast.platforms.synthesis_cache import Told, key_now

    if bundle and len(chosen) > 1:
        raise InvalidRequest(f"--bundle is one platform's zip, but {len(chosen)} are asked for; name one PLATFORM")
    lines = [
        (f"{settings.platform}: alerts is empty, so that alarms reach nobody", True)
        for settings in chosen
        if not settings.alerts and not quiet
    ]
    written = synthesize(*chosen, out=out, bundle=bundle, cache=folder)
    lines += [(text, False) for text in _listed(written, output)]
    sound = True
    for settings in chosen if check else ():
        fails, text = _checked(settings, [one.template_path for one in written if one.platform == settings.platform])
        if fails or not quiet:
            lines.append((text, True))
        sound = sound and not fails
    return Told(
        key=key_now(chosen, bundle=bundle, native=False),
        lines=lines,
        stacks=len(written),
        status=ExitStatus.DONE if sound else ExitStatus.ANSWER_IS_NO,
        # Rules of the user's own are files that this request does not name.
        can_be_repeated=not any(settings.checks.rules for settings in chosen),
    )


def _listed(written: Sequence[SynthesizedStack], output: str) -> list[str]:
    if output == "json":
        rows = [{"stack": one.name, "region": one.region, "template": str(one.template_path)} for one in written]
        return [json.dumps(rows, indent=2)]
    return [f"{one.template_path}  {one.region}  {len(one.template['Resources'])} resources" for one in written]


def _checked(settings: PlatformSettings, files: list[Path]) -> tuple[bool, str]:
    """Run the rules under the platform's own settings; the CDK has applied the schemas already."""
    from holdfast.checks.demands import from_platform
    from holdfast.checks.engine import check_files
    from holdfast.checks.finding import Severity
    from holdfast.checks.formats.text import render
    from holdfast.checks.registry import all_rules

    demands = from_platform(settings)
    rules = all_rules(demands.rule_folders)
    report = check_files(files, rules, demands, datetime.now(UTC).date(), schemas=False)
    return report.fails(Severity.ERROR), render(report, rules)


def _settings(platforms: tuple[str, ...], file: Path | None, environment: str | None) -> list[PlatformSettings]:
    from holdfast.platforms.registry import PLATFORMS, entry_of
    from holdfast.settings.environment import environment_name, process_environment
    from holdfast.settings.load import defaults, load

    environ = process_environment()
    if platforms and file:
        raise InvalidRequest("give PLATFORM names or --settings, not both")
    if file:
        return [load(file, environ=environ, environment=environment)]
    names = platforms or tuple(PLATFORMS)
    return [defaults(entry_of(name).name, environment=environment_name(environment, environ)) for name in names]
