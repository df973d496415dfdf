"""`holdfast platforms`: what can be built."""

from __future__ import annotations

import json

import click


@click.command("platforms")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(output: str) -> None:
    """List the platforms."""
    from holdfast.platforms.registry import PLATFORMS

    if output == "json":
        click.echo(json.dumps([{"name": one.name, "summary": one.summary} for one in PLATFORMS.values()], indent=2))
        return
    width = max(len(name) for name in PLATFORMS)
    for one in PLATFORMS.values():
        click.echo(f"{one.name:<{width}}  {one.summary}")
