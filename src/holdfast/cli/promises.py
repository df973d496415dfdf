"""`holdfast promises`: what is promised, what follows from what is built, and whether it is kept."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.cli.chosen import chooses_settings, settings_of
from holdfast.errors import ExitStatus

if TYPE_CHECKING:
    from holdfast.platforms.promises import Promise
    from holdfast.settings.platform import PlatformSettings

_VERDICTS = {True: "met", False: "NOT MET", None: "unproven"}


@click.command("promises")
@chooses_settings
@click.option(
    "--measured",
    "measurements",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="rehearsal.json, or what `holdfast drill --out` wrote; it stands for what was derived. Repeatable.",
)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    file: Path | None, platform: str | None, environment: str | None, measurements: tuple[Path, ...], output: str
) -> int:
    """Show each promise, its evidence and the sum behind it.

    Exit status: 0 none is broken (an unproven one is not broken, nor is it kept: a rehearsal or a drill
    measures it); 1 one is.
    """
    from holdfast.platforms.measurements import with_measurements
    from holdfast.platforms.promises import promises_of

    settings = settings_of(file, platform, environment)
    found = with_measurements(promises_of(settings, _templates(settings)), settings, measurements)
    click.echo(json.dumps([asdict(one) for one in found], indent=2) if output == "json" else _table(found))
    return ExitStatus.ANSWER_IS_NO if any(one.met is False for one in found) else ExitStatus.DONE


def _templates(settings: PlatformSettings) -> list[dict[str, Any]]:
    """Synthesize with an empty bundle, since no promise depends on the functions' bytes; none if refused."""
    from holdfast.platforms import synthesize
    from holdfast.platforms.promises import promises_of
    from holdfast.settings.environment import process_environment, synth_folder

    if any(one.met is False for one in promises_of(settings, ())):
        return []
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "empty.zip"
        with zipfile.ZipFile(bundle, "w"):
            pass
        cache = synth_folder(process_environment())
        return [one.template for one in synthesize(settings, out=Path(scratch) / "out", bundle=bundle, cache=cache)]


def _table(promises: Sequence[Promise]) -> str:
    lines = []
    for one in promises:
        lines.append(
            f"{one.name:<13} promised {one.promised:<8} {one.evidence:<9} {one.value:<12} {_VERDICTS[one.met]}"
        )
        lines.append(f"{'':<13} {one.sum}")
    return "\n".join(lines)
