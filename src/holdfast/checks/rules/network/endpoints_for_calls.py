"""NET001."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.functions import role_of_function
from holdfast.checks.graph.resource import Resource
from holdfast.checks.network import endpoint_reaches, endpoints, exit_of, network_of, vpc_of
from holdfast.checks.policies import grants_of
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided

# IAM prefix: name of the endpoint's service.
_SERVICES = {
    "sqs": "sqs",
    "sns": "sns",
    "s3": "s3",
    "dynamodb": "dynamodb",
    "secretsmanager": "secretsmanager",
    "ssm": "ssm",
    "events": "events",
    "lambda": "lambda",
    "states": "states",
    "sts": "sts",
    "cloudwatch": "monitoring",
    "elasticloadbalancing": "elasticloadbalancing",
    "rds": "rds",
    "backup": "backup",
    "kinesis": "kinesis-streams",
    "ecs": "ecs",
}


class EndpointsForCalls(ResourceRule):
    """A function in subnets without a way out finds an endpoint for every service it calls.

    What it calls is read from its role. Logs need none (Lambda ships them itself), and KMS is called by the services.
    """

    id = "NET001"
    resource_types = ("AWS::Lambda::Function",)
    remediation = (
        "Add an interface endpoint with private DNS (a gateway endpoint for S3 and DynamoDB), or run the "
        "function outside the VPC."
    )
    source = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at functions all of whose subnets have no default route."""
        found, _ = network_of(resource)
        if not found or any(exit_of(subnet).kind in ("nat", "other") for subnet in found):
            return
        role = role_of_function(resource)
        vpc = vpc_of(found[0])
        if role is None or vpc is None:
            yield self.undecided(resource, "VpcConfig", "its role or its VPC is not in the templates")
            return
        there = endpoints(vpc)
        for service in sorted(_called(role)):
            endpoint = there.get(service)
            if endpoint is None:
                message = (
                    f"it calls {service} from subnets with no way out and no endpoint: the call hangs until the timeout"
                )
                yield self.violated(resource, "VpcConfig", message)
            else:
                verdicts = [endpoint_reaches(endpoint, subnet) for subnet in found]
                unknown = next((verdict for verdict in verdicts if isinstance(verdict, Undecided)), None)
                message = f"the endpoint {endpoint.logical_id} does not serve its subnets: calls to {service} hang"
                yield from self.judged(endpoint, "", unknown or all(verdicts), message)


def _called(role: Resource) -> set[str]:
    called = set()
    for _, statement in grants_of(role):
        if statement.allows:
            prefixes = {str(action).split(":")[0].lower() for action in statement.actions}
            called |= {_SERVICES[prefix] for prefix in prefixes & set(_SERVICES)}
    return called
