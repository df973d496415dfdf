from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.settings.commented import commented_settings
from holdfast.settings.load import MODELS, defaults, load

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("platform", MODELS)
def test_written_file_loads_to_the_defaults(tmp_path: Path, platform: str) -> None:
    path = tmp_path / "holdfast.yaml"
    path.write_text(commented_settings(MODELS[platform]))
    assert load(path, environ={}) == defaults(platform)


@pytest.mark.parametrize("platform", MODELS)
def test_every_key_is_written_and_explained(platform: str) -> None:
    lines = commented_settings(MODELS[platform]).splitlines()
    for key, field in MODELS[platform].model_fields.items():
        place = next(i for i, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{key}:"))
        assert key == "platform" or lines[place - 1] == f"# {field.description}"


@pytest.mark.parametrize("platform", MODELS)
def test_example_loads(platform: str) -> None:
    settings = load(EXAMPLES / f"{platform}.yaml", environ={})
    assert settings.platform == platform
    assert settings.alerts
