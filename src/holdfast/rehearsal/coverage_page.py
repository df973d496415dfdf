"""Writes `docs/embedded-coverage.md` from what the platforms' templates use:
`python -m holdfast.rehearsal.coverage_page > docs/embedded-coverage.md`."""

from __future__ import annotations

import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import Support
from holdfast.rehearsal.promised.tables import CUSTOM, PROMISED, UNTOLD

Template = Mapping[str, Any]
Templates = Mapping[str, Sequence[Template]]  # by platform

HEAD = """# What the embedded AWS gives of each resource type

Generated from the templates that every platform's defaults give; a test holds it to them. *acts*: the resource is
created, and it does its work: a queue delivers, a function runs, a weight routes. *recorded*: it is created, told
back, changed and deleted, but nothing acts on it: no database runs, no packet is filtered, nothing is backed up.
*refused*: a stack with it fails by name. Read-back asks a property from its own service; the properties below that no
service tells back are unproven. What no emulator can show at all: `not tested` in every report.
"""
WORDS = {Support.REAL: "acts", Support.RECORDED: "recorded", Support.REFUSED: "refused"}


def page(templates: Templates, support: Mapping[str, Support]) -> str:
    """Return the page; the same templates, the same bytes."""
    return "\n".join([HEAD, *_summary(templates, support), "", *_types(templates, support)]) + "\n"


def types_of(templates: Templates) -> list[str]:
    """Return every resource type the templates use, sorted."""
    return sorted({one["Type"] for each in templates.values() for one in _resources(each)})


def _resources(templates: Sequence[Template]) -> list[Mapping[str, Any]]:
    return [resource for template in templates for resource in template["Resources"].values()]


def _summary(templates: Templates, support: Mapping[str, Support]) -> list[str]:
    lines = ["| platform | types | acts | recorded | refused |", "|---|---|---|---|---|"]
    for platform, each in templates.items():
        types = {one["Type"] for one in _resources(each)}
        levels = Counter(support[name] for name in types)
        counts = [len(types), *(levels[level] for level in (Support.REAL, Support.RECORDED, Support.REFUSED))]
        lines.append(f"| `{platform}` | {' | '.join(map(str, counts))} |")
    return lines


def _types(templates: Templates, support: Mapping[str, Support]) -> list[str]:
    used: dict[str, set[str]] = defaultdict(set)
    properties: dict[str, set[str]] = defaultdict(set)
    for platform, each in templates.items():
        for resource in _resources(each):
            used[resource["Type"]].add(platform)
            properties[resource["Type"]] |= set(resource.get("Properties", {}))
    lines = ["| type | gives | used by | properties not told back |", "|---|---|---|---|"]
    for name in sorted(used):
        by = ", ".join(sorted(used[name]))
        lines.append(f"| `{name}` | {WORDS[support[name]]} | {by} | {_untold(name, properties[name])} |")
    return lines


def _is_told(resource_type: str, name: str) -> bool:
    return name in {row.name for row in PROMISED.get(resource_type, [])}


def _untold(resource_type: str, properties: Collection[str]) -> str:
    if resource_type.startswith("Custom::"):
        return f"all: {CUSTOM}"
    missing = [name for name in sorted(properties) if not _is_told(resource_type, name)]
    reasons = (f"{name} ({UNTOLD.get((resource_type, name), 'nothing reads it back')})" for name in missing)
    return "; ".join(reasons)


def synthesized(folder: Path) -> dict[str, list[Template]]:
    """Return the templates of every platform's defaults; the functions' bytes do not matter here."""
    from holdfast.platforms import synthesize
    from holdfast.platforms.registry import PLATFORMS
    from holdfast.settings.load import defaults

    bundle = folder / "empty.zip"
    with zipfile.ZipFile(bundle, "w"):
        pass
    every = [defaults(name, environment="dev") for name in PLATFORMS]
    found: dict[str, list[Template]] = {name: [] for name in PLATFORMS}
    for stack in synthesize(*every, out=folder / "assembly", bundle=bundle):
        found[stack.platform].append(stack.template)
    return found


def main() -> None:
    """Print the page."""
    with tempfile.TemporaryDirectory() as folder:
        templates = synthesized(Path(folder))
        with embedded_aws(folder=Path(folder)) as aws:
            support = aws.support(types_of(templates))
    print(page(templates, support), end="")


if __name__ == "__main__":
    main()
