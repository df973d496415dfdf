"""`holdfast settings`: the settings file, for editors and for people."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group("settings")
def command() -> None:
    """Show what a settings file may hold, or what one comes to."""


@command.command("schema")
@click.option("--platform", default="backup-vault", show_default=True)
def schema(platform: str) -> None:
    """Print the JSON Schema, which editors use to complete and check."""
    from holdfast.settings.load import model_of

    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model_of(platform).model_json_schema(mode="validation"),
    }
    click.echo(json.dumps(document, indent=2))


@command.command("show")
@click.option(
    "--settings",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("holdfast.yaml"),
    show_default=True,
)
@click.option("--environment", help="Name of the environment; before HOLDFAST_ENVIRONMENT and the file.")
def show(file: Path, environment: str | None) -> None:
    """Print the settings with every default filled in, as JSON."""
    from holdfast.settings.environment import process_environment
    from holdfast.settings.load import load

    settings = load(file, environ=process_environment(), environment=environment)
    click.echo(settings.model_dump_json(indent=2))
