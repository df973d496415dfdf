"""ELB002."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Undecided, as_number


class HealthCheckTiming(ResourceRule):
    """A health check times out before the next one begins."""

    id = "ELB002"
    resource_types = ("AWS::ElasticLoadBalancingV2::TargetGroup",)
    remediation = "Set HealthCheckTimeoutSeconds below HealthCheckIntervalSeconds."
    source = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Compare the two numbers where both are written."""
        timeout, interval = (as_number(resource.get(f"HealthCheck{name}Seconds")) for name in ("Timeout", "Interval"))
        if timeout is None or interval is None:
            return
        if isinstance(timeout, Undecided) or isinstance(interval, Undecided):
            yield self.undecided(
                resource, "HealthCheckTimeoutSeconds", timeout if isinstance(timeout, Undecided) else interval
            )
        elif timeout >= interval:
            message = f"a timeout of {timeout:g} s is not below the interval of {interval:g} s: the group is refused"
            yield self.violated(resource, "HealthCheckTimeoutSeconds", message)
