"""The platforms: what exists, and their CloudFormation. Only this package imports aws_cdk, and only when asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.platforms.synthesis import SynthesizedStack
    from holdfast.settings.platform import PlatformSettings


def synthesize(
    *platforms: PlatformSettings, out: Path, bundle: Path | None = None, native: bool = False, cache: Path | None = None
) -> list[SynthesizedStack]:
    """Write the platforms' templates and one cloud assembly into `out`; see `holdfast.platforms.synthesis`."""
    from holdfast.platforms.synthesis import synthesize as run

    return run(platforms, out, bundle=bundle, native=native, cache=cache)
