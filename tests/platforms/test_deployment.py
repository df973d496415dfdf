"""Every platform on the embedded AWS: made, told back, changed without replacement, told back again, and gone."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.platforms import synthesize
from holdfast.platforms.registry import PLATFORMS
from holdfast.rehearsal.deploy import Deployment, deploy, destroy
from holdfast.rehearsal.embedded import embedded_aws
from holdfast.rehearsal.ports import REHEARSAL_REGIONS, EmbeddedAws, Support
from holdfast.rehearsal.read_back import Verdict, read_back
from holdfast.settings.load import load
from holdfast.stacks.assembly import Stack, read_assembly
from holdfast.stacks.destroy import kept_by

pytestmark = [pytest.mark.emulator, pytest.mark.synth]

EXAMPLES = Path(__file__).parents[2] / "examples"
# What happened, and what an account has anyway.
HISTORY = (
    "cloudformation.",
    "cloudwatch._alarm_history",
    "ecs._task_def_latest",
    "ecs._tags",
    "eventbridge._event_buses",
    "scheduler._schedule_groups",
    "sts.",
)


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
    before: dict[str, set[str]]
    after: dict[str, set[str]]


@pytest.fixture(scope="module", params=PLATFORMS)
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = load(EXAMPLES / f"{request.param}.yaml", environ={}, environment="dev")
    settings = settings.model_copy(update={"removal": None})
    (folder / "assembly").mkdir()
    synthesize(settings, out=folder / "assembly", native=True)
    with embedded_aws(folder=folder) as aws:
        stacks = read_assembly(folder / "assembly", account=aws.account, default_region=settings.region)
        yield live(aws, stacks)


def live(aws: EmbeddedAws, stacks: list[Stack]) -> Life:
    support = aws.support(sorted({one["Type"] for stack in stacks for one in stack.template["Resources"].values()}))
    for region in REHEARSAL_REGIONS:
        aws.client("ec2", region).describe_vpcs()  # makes the default one
    before = census(aws)
    made = deploy(aws, stacks)
    different = differences(aws, made)
    changed = deploy(aws, [replace(stack, template=touched(stack.template)) for stack in stacks])
    different_after = differences(aws, changed)
    kept = destroy(aws, changed)
    return Life(stacks, support, made, different, changed, different_after, kept, before, census(aws))


def census(aws: EmbeddedAws) -> dict[str, set[str]]:
    return {store: set(keys) for store, keys in aws.census().items() if not store.startswith(HISTORY)}


def differences(aws: EmbeddedAws, deployment: Deployment) -> list[str]:
    return [str(one) for one in read_back(aws, deployment) if one.verdict is Verdict.DIFFERENT]


def touched(template: dict[str, Any]) -> dict[str, Any]:
    """The template with one more tag wherever there are tags, and every alarm's threshold moved."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if isinstance(properties.get("Tags"), list):
            properties["Tags"].append({"Key": "Touched", "Value": "yes"})
        if resource["Type"] == "AWS::CloudWatch::Alarm" and isinstance(properties.get("Threshold"), int | float):
            properties["Threshold"] += 0.5
    return template


def ids(deployment: Deployment) -> dict[str, str]:
    return {f"{one.name}.{name}": id_ for one in deployment.stacks for name, id_ in one.resources.items()}


def test_no_type_is_refused(life: Life) -> None:
    assert [name for name, support in life.support.items() if support is Support.REFUSED] == []


def test_every_resource_of_the_templates_is_there(life: Life) -> None:
    assert {f"{stack.name}.{name}" for stack in life.stacks for name in stack.template["Resources"]} == set(
        ids(life.made)
    )


def test_the_services_tell_what_the_templates_say(life: Life) -> None:
    assert life.different == []


def test_a_changed_tag_and_threshold_replace_nothing(life: Life) -> None:
    assert ids(life.changed) == ids(life.made)
    assert life.different_after == []


def test_nothing_is_left_but_what_the_templates_keep(life: Life) -> None:
    wanted = {ids(life.changed)[f"{stack.name}.{name}"] for stack in life.stacks for name in kept_by(stack.template)}
    assert set(life.kept) == wanted
    left = {store: keys - life.before.get(store, set()) for store, keys in life.after.items()}
    names = {part for one in wanted for part in (one, one.rpartition("/")[2], one.rpartition(":")[2])}
    unexplained = {
        f"{store}: {key}"
        for store, keys in left.items()
        for key in keys
        if not any(name in key for name in names) and "cdk-hnb659fds" not in key
    }
    assert unexplained == set()
