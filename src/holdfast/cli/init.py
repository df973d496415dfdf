"""`holdfast init PLATFORM`: a settings file to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from holdfast.errors import InvalidRequest


@click.command("init")
@click.argument("platform")
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), default=Path("holdfast.yaml"), show_default=True
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def command(platform: str, file: Path, force: bool) -> None:
    """Write a commented settings file with every key and its default."""
    from holdfast.settings.commented import commented_settings
    from holdfast.settings.load import model_of

    text = commented_settings(model_of(platform))
    try:
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise InvalidRequest(f"{file} exists: choose another --file, or --force to replace it") from error
    except OSError as error:
        raise InvalidRequest(f"cannot write {file}: {error.strerror}") from error
    click.echo(f"wrote {file}; next: holdfast promises --settings {file}", err=True)
