"""Every platform on the embedded AWS: made, told back, changed without replacement, told back again, and gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdfast.platforms import synthesize
from holdfast.platforms.registry import PLATFORMS
from holdfast.rehearsal.deploy import Deployment, assumed, deploy, destroy
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.life import held, kept, left_behind, physical_ids, replaced, snapshotted, touched
from holdfast.rehearsal.ports import EmbeddedAws, Support
from holdfast.rehearsal.read_back import Verdict, read_back
from holdfast.settings.load import load
from holdfast.stacks.assembly import Stack, read_assembly

pytestmark = [pytest.mark.emulator, pytest.mark.synth]

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass
class Life:
    """What each moment of a platform's life showed."""

    stacks: list[Stack]
    support: dict[str, Support]
    made: Deployment
    different: list[str]
    changed: Deployment
    different_after: list[str]
    kept: list[str]
    left: list[str]


@pytest.fixture(scope="module", params=PLATFORMS)
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = load(EXAMPLES / f"{request.param}.yaml", environ={}, environment="dev")
    settings = settings.model_copy(update={"removal": None})
    (folder / "assembly").mkdir()
    synthesize(settings, out=folder / "assembly", native=True)
    with embedded_aws(folder=folder) as aws:
        stacks = read_assembly(folder / "assembly", account=aws.account, default_region=settings.region)
        yield live(aws, assumed(aws, stacks))


def live(aws: EmbeddedAws, stacks: list[Stack]) -> Life:
    support = aws.support(sorted({one["Type"] for stack in stacks for one in stack.template["Resources"].values()}))
    before = held(aws)
    made = deploy(aws, stacks)
    different = differences(aws, made)
    changed = deploy(aws, [touched(stack) for stack in stacks])
    different_after = differences(aws, changed)
    gone = destroy(aws, changed)
    return Life(
        stacks,
        support,
        made,
        different,
        changed,
        different_after,
        gone,
        left_behind(before, held(aws), set(gone), snapshotted(changed)),
    )


def differences(aws: EmbeddedAws, deployment: Deployment) -> list[str]:
    return [str(one) for one in read_back(aws, deployment) if one.verdict is Verdict.DIFFERENT]


def test_no_type_is_refused(life: Life) -> None:
    assert [name for name, support in life.support.items() if support is Support.REFUSED] == []


def test_every_resource_of_the_templates_is_there(life: Life) -> None:
    said = {f"{stack.name}.{name}" for stack in life.stacks for name in stack.template["Resources"]}
    assert said == set(physical_ids(life.made))


def test_the_services_tell_what_the_templates_say(life: Life) -> None:
    assert life.different == []


def test_a_changed_tag_and_threshold_replace_nothing(life: Life) -> None:
    assert replaced(life.made, life.changed) == []
    assert life.different_after == []


def test_nothing_is_left_but_what_the_templates_keep(life: Life) -> None:
    assert set(life.kept) == kept(life.changed)
    assert life.left == []
