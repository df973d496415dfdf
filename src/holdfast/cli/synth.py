"""`holdfast synth`: templates and a cloud assembly."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.errors import ExitStatus, InvalidRequest

if TYPE_CHECKING:
    from holdfast.platforms.synthesis import SynthesizedStack
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
    from holdfast.platforms import synthesize
    from holdfast.settings.environment import process_environment, synth_folder

    begun = time.perf_counter()
    chosen = _settings(platforms, file, environment)
    if bundle and len(chosen) > 1:
        raise InvalidRequest(f"--bundle is one platform's zip, but {len(chosen)} are asked for; name one PLATFORM")
    for settings in chosen:
        if not settings.alerts and not quiet:
            click.echo(f"{settings.platform}: alerts is empty, so that alarms reach nobody", err=True)
    written = synthesize(*chosen, out=out, bundle=bundle, cache=synth_folder(process_environment()))
    if output == "json":
        rows = [{"stack": one.name, "region": one.region, "template": str(one.template_path)} for one in written]
        click.echo(json.dumps(rows, indent=2))
    else:
        for one in written:
            click.echo(f"{one.template_path}  {one.region}  {len(one.template['Resources'])} resources")
    sound = not check or _sound(chosen, written, quiet=quiet)
    if not quiet:
        click.echo(f"{len(written)} stacks in {time.perf_counter() - begun:.1f} s", err=True)
    return ExitStatus.DONE if sound else ExitStatus.ANSWER_IS_NO


def _sound(chosen: Sequence[PlatformSettings], written: Sequence[SynthesizedStack], *, quiet: bool) -> bool:
    """Check each platform by itself, under its own settings; an answer given before is given again."""
    from holdfast.platforms.synthesis_cache import answer
    from holdfast.settings.environment import process_environment, synth_folder

    folder, sound, today = synth_folder(process_environment()), True, datetime.now(UTC).date()
    for settings in chosen:
        files = [one.template_path for one in written if one.platform == settings.platform]
        rules = [path for place in settings.checks.rules for path in sorted(Path(place).rglob("*.py"))]
        parts: list[str | bytes] = [str(today), settings.model_dump_json()]
        for path in [*files, *rules]:
            parts += [str(path), path.read_bytes()]
        found = json.loads(answer(folder, parts, functools.partial(_checked, settings, files, today)))
        if not quiet or found["fails"]:
            click.echo(found["text"], err=True)
        sound = sound and not found["fails"]
    return sound


def _checked(settings: PlatformSettings, files: list[Path], today: date) -> str:
    """Run the rules; the CDK has applied the schemas already."""
    from holdfast.checks.demands import from_platform
    from holdfast.checks.engine import check_files
    from holdfast.checks.finding import Severity
    from holdfast.checks.formats.text import render
    from holdfast.checks.registry import all_rules

    demands = from_platform(settings)
    rules = all_rules(demands.rule_folders)
    report = check_files(files, rules, demands, today, schemas=False)
    return json.dumps({"fails": report.fails(Severity.ERROR), "text": render(report, rules)})


def _settings(platforms: tuple[str, ...], file: Path | None, environment: str | None) -> list[PlatformSettings]:
    from holdfast.platforms.registry import PLATFORMS, entry_of
    from holdfast.settings.environment import environment_name, process_environment
    from holdfast.settings.load import DEFAULT_FILE, defaults, load

    environ = process_environment()
    if platforms and file:
        raise InvalidRequest("give PLATFORM names or --settings, not both")
    if file is None and not platforms and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    if file:
        return [load(file, environ=environ, environment=environment)]
    names = platforms or tuple(PLATFORMS)
    return [defaults(entry_of(name).name, environment=environment_name(environment, environ)) for name in names]
