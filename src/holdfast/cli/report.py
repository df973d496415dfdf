"""`holdfast report DIR`: draw a rehearsal's page again and, with --open, show it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from holdfast.errors import ExitStatus
from holdfast.report.html import headline
from holdfast.report.model import Verdict, to_json
from holdfast.report.write import rebuild


@click.command("report")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", help="What to print on stdout.")
@click.option("--quiet", is_flag=True, help="Print nothing but the result.")
def command(directory: Path, show: bool, output: Literal["text", "json"], quiet: bool) -> ExitStatus:
    """Rebuild DIR/report.html from DIR/rehearsal.json and print the verdict.

    Exit status: 0 the promises held; 1 one did not, or the run was not complete; 4 no rehearsal in DIR.
    """
    report, page = rebuild(directory)
    if output == "json":
        click.echo(to_json(report), nl=False)
    else:
        click.echo(f"{headline(report)}: {page}")
    if show and click.launch(page.absolute().as_uri()) and not quiet:
        click.echo(f"no browser could be opened; open {page} by hand", err=True)
    return ExitStatus.DONE if report.verdict is Verdict.HELD else ExitStatus.ANSWER_IS_NO


__all__ = ["command"]
