"""NET007."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import endpoints, exit_of, subnets, vpc_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import as_list


class TasksCanStart(ResourceRule):
    """A Fargate task in subnets without a way out finds the endpoints it needs to start.

    The agent pulls the image (ecr.api, ecr.dkr, s3 for its layers), writes logs and fetches secrets before the first
    line of code runs.
    """

    id = "NET007"
    resource_types = ("AWS::ECS::Service",)
    remediation = "Add the endpoints that the message names, or a NAT gateway."
    source = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at services all of whose subnets have no default route."""
        found, _ = subnets(resource.system, resource.get("NetworkConfiguration.AwsvpcConfiguration.Subnets"))
        if not found or any(exit_of(subnet).kind in ("nat", "internet", "other") for subnet in found):
            return
        vpc = vpc_of(found[0])
        if vpc is None:
            yield self.undecided(resource, "NetworkConfiguration", "its VPC is not in the templates")
            return
        needed = {"ecr.api", "ecr.dkr", "s3"} | _of_task(resource)
        missing = sorted(needed - set(endpoints(vpc)))
        if missing:
            message = f"its subnets have no way out and no endpoint for {', '.join(missing)}: no task ever starts"
            yield self.violated(resource, "NetworkConfiguration", message)


def _of_task(service: Resource) -> set[str]:
    task = service.system.find(service.get("TaskDefinition"), "AWS::ECS::TaskDefinition")
    needed = set()
    for container in as_list(task.get("ContainerDefinitions")) if task else []:
        if isinstance(container, dict):
            logging = container.get("LogConfiguration")
            if isinstance(logging, dict) and logging.get("LogDriver") == "awslogs":
                needed.add("logs")
            if container.get("Secrets"):
                needed.add("secretsmanager")
    return needed
