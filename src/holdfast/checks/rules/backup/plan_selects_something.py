"""BAK001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.coverage import selected_by_tag, stateful
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_list, is_undecided


class PlanSelectsSomething(ResourceRule):
    """A backup selection selects something.

    Tags are compared with those of the system's resources; a selection by tag may also find resources of other
    stacks, then it is undecided.
    """

    id = "BAK001"
    resource_types = ("AWS::Backup::BackupSelection",)
    remediation = "Name ARNs in Resources, or give the resources the tag that the selection asks for."
    source = "https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at the list of ARNs, then at the tags."""
        listed = resource.get("BackupSelection.Resources")
        tags = as_list(resource.get("BackupSelection.ListOfTags"))
        if as_list(listed) and not isinstance(listed, Undecided):
            return
        if isinstance(listed, Undecided) or any(is_undecided(tag) for tag in tags):
            yield self.undecided(resource, "BackupSelection", "what it selects is a parameter")
        elif not tags:
            yield self.violated(
                resource, "BackupSelection", "it names no resource and no tag: nothing is ever backed up"
            )
        elif not any(selected_by_tag(resource, other) for other in resource.system.resources()):
            wanted = ", ".join(
                f"{tag.get('ConditionKey')}={tag.get('ConditionValue')}" for tag in tags if isinstance(tag, dict)
            )
            message = f"no resource of the templates carries {wanted}: the plan backs up nothing of this system"
            if any(stateful(other) for other in resource.system.resources()):
                yield self.violated(resource, "BackupSelection.ListOfTags", message)
            else:
                yield self.undecided(resource, "BackupSelection.ListOfTags", message)
