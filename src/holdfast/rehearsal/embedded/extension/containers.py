"""What MiniStack's CloudFormation drops of ECS services and task definitions, put into their records."""

from __future__ import annotations

from typing import Any

from ministack.services import ecs

from holdfast.rehearsal.embedded.extension.resource_type import Properties, tags_of, whole

SERVICE_FIELDS = {
    "AvailabilityZoneRebalancing": "availabilityZoneRebalancing",
    "EnableECSManagedTags": "enableECSManagedTags",
    "EnableExecuteCommand": "enableExecuteCommand",
    "HealthCheckGracePeriodSeconds": "healthCheckGracePeriodSeconds",
    "PlatformVersion": "platformVersion",
    "PropagateTags": "propagateTags",
}


def complete_service(arn: str, _old: Properties, new: Properties) -> None:
    """Let DescribeServices tell what the template says."""
    cluster, name = arn.rsplit("/", 2)[-2:]
    record = ecs._services[f"{cluster}/{name}"]
    record.update({told: whole(new[field]) for field, told in SERVICE_FIELDS.items() if field in new})
    ecs._tags[record["serviceArn"]] = [{"key": key, "value": value} for key, value in tags_of(new).items()]


def complete_task(arn: str, _old: Properties, new: Properties) -> None:
    """Let DescribeTaskDefinition tell the platform and the size of the scratch space."""
    record = ecs._task_defs[arn.rpartition("/")[2]]
    for field, told in (("RuntimePlatform", "runtimePlatform"), ("EphemeralStorage", "ephemeralStorage")):
        if field in new:
            record[told] = _small(whole(new[field]))


def _small(given: dict[str, Any]) -> dict[str, Any]:
    return {key[:1].lower() + key[1:]: value for key, value in given.items()}
