"""What CloudFormation must not own is made once and never written over."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.cutover.adopt import Adoption
from holdfast.cutover.state import Environment, Weights
from holdfast.errors import InvalidRequest
from holdfast.rehearsal.ports import EmbeddedAws
from holdfast.settings import variables as var
from tests.support.clocks import FakeClock
from tests.support.cutover_aws import AwsScene

pytestmark = pytest.mark.emulator


@pytest.fixture
def scene(aws: EmbeddedAws) -> AwsScene:
    """A scene whose rule and parameter are not there yet."""
    found = AwsScene(aws, FakeClock())
    for rule in rules(found):
        found.client("elbv2").delete_rule(RuleArn=rule["RuleArn"])
    found.client("ssm").delete_parameter(Name=found.variables[var.SSM_PARAM_NAME])
    return found


def rules(scene: AwsScene) -> list[dict[str, Any]]:
    found = scene.client("elbv2").describe_rules(ListenerArn=scene.variables[var.LISTENER_ARN])["Rules"]
    return [rule for rule in found if not rule["IsDefault"]]


def adoption(scene: AwsScene, **changes: Any) -> Adoption:
    given = {
        "ActiveParameter": scene.variables[var.SSM_PARAM_NAME],
        "StatusParameter": scene.variables[var.STATUS_PARAMETER],
        "ListenerArn": scene.variables[var.LISTENER_ARN],
        "BlueGroupArn": scene.variables[var.BLUE_TG_ARN],
        "GreenGroupArn": scene.variables[var.GREEN_TG_ARN],
        "Tags": [{"Key": "CostCenter", "Value": "Payments"}],
    }
    return Adoption({**given, **changes}, scene.clients)


def test_first_deployment_makes_blue_active(scene: AwsScene) -> None:
    made = adoption(scene).ensure()
    assert scene.world.register.active() is Environment.BLUE
    assert scene.world.register.status() == '{"status": "idle", "active": "blue"}'
    assert scene.world.traffic.weights() == Weights(100, 0)
    assert [rule["RuleArn"] for rule in rules(scene)] == [made["RuleArn"]]


def test_later_deployment_changes_tags_and_nothing_else(scene: AwsScene) -> None:
    adoption(scene).ensure()
    scene.world.register.set_active(Environment.GREEN)
    scene.world.register.set_status("later")
    scene.world.traffic.set_weights(Weights(0, 100))
    adoption(scene, Tags=[{"Key": "CostCenter", "Value": "Other"}]).ensure()
    assert (scene.world.register.active(), scene.world.register.status()) == (Environment.GREEN, "later")
    assert scene.world.traffic.weights() == Weights(0, 100)
    tags = scene.client("ssm").list_tags_for_resource(
        ResourceType="Parameter", ResourceId=scene.variables[var.SSM_PARAM_NAME]
    )
    assert tags["TagList"] == [{"Key": "CostCenter", "Value": "Other"}]


def test_new_target_groups_get_everything_on_the_active_side(scene: AwsScene) -> None:
    adoption(scene).ensure()
    scene.world.register.set_active(Environment.GREEN)
    other = AwsScene(scene.aws, FakeClock())
    blue, green = other.variables[var.BLUE_TG_ARN], other.variables[var.GREEN_TG_ARN]
    adoption(scene, BlueGroupArn=blue, GreenGroupArn=green).ensure()
    groups = rules(scene)[0]["Actions"][0]["ForwardConfig"]["TargetGroups"]
    assert {one["TargetGroupArn"]: one["Weight"] for one in groups} == {blue: 0, green: 100}


def test_removal_leaves_nothing_and_may_be_repeated(scene: AwsScene) -> None:
    adoption(scene).ensure()
    adoption(scene).remove()
    adoption(scene).remove()
    adoption(scene, ListenerArn=scene.variables[var.LISTENER_ARN][:-4] + "0000").remove()
    assert rules(scene) == []
    names = [scene.variables[name] for name in (var.SSM_PARAM_NAME, var.STATUS_PARAMETER)]
    assert scene.client("ssm").get_parameters(Names=names)["Parameters"] == []


def test_missing_property_is_named(scene: AwsScene) -> None:
    with pytest.raises(InvalidRequest, match="the resource needs the property ListenerArn"):
        adoption(scene, ListenerArn="")
