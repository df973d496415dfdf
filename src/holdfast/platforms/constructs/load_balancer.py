"""A load balancer on the internet: TLS only, logged, forwarding to target groups by weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from holdfast.errors import InvalidRequest

_HTTP, _HTTPS = 80, 443
# TLS 1.2 and 1.3, with forward secrecy for most clients; no older version.
# Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
MOST_GROUPS = 5
MOST_WEIGHT = 999
_LONGEST_NAME = 32


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """When a target serves: `healthy` answers in a row say yes, `unhealthy` failures in a row say no.

    `codes` as the load balancer takes them, `200` or `200-299`; times in seconds, the timeout below the interval.
    """

    path: str = "/health"
    codes: str = "200"
    interval_seconds: int = 15
    timeout_seconds: int = 5
    healthy: int = 2
    unhealthy: int = 2


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """A target group and its share of requests: its weight over the sum of weights, each 0 to 999."""

    group: elb.IApplicationTargetGroup
    weight: int


class PublicLoadBalancer(Construct):
    """An internet-facing application load balancer in public subnets; plain HTTP is redirected, never served.

    `group` is its security group, into which 443 (and 80, for the redirect) is opened to everybody; targets are
    reached only where `constructs.credentials.admit` or a rule of your own lets them. `logs` must admit its delivery:
    `let_load_balancers_log`.

    Raises:
        InvalidRequest: a name above 32 characters, no or too many target groups, a weight outside 0 to 999, all zero.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        vpc: ec2.IVpc,
        group: ec2.SecurityGroup,
        certificate_arn: str,
        logs: s3.IBucket | None,
        log_prefix: str = "alb",
        protected: bool,
    ) -> None:
        super().__init__(scope, id_)
        _refuse_name(name)
        self._name, self._vpc, self._certificate_arn = name, vpc, certificate_arn
        for port, why in ((_HTTPS, "HTTPS from the internet"), (_HTTP, "HTTP, to be redirected")):
            group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), why)
        self.balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            load_balancer_name=name,
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            internet_facing=True,
            security_group=group,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=elb.DesyncMitigationMode.DEFENSIVE,
            deletion_protection=protected,
        )
        if logs:
            for key, value in (("enabled", "true"), ("bucket", logs.bucket_name), ("prefix", log_prefix)):
                self.balancer.set_attribute(f"access_logs.s3.{key}", value)
        self.redirect = elb.CfnListener(
            self,
            "Redirect",
            load_balancer_arn=self.balancer.load_balancer_arn,
            port=_HTTP,
            protocol="HTTP",
            default_actions=[_to_https()],
        )

    @property
    def full_name(self) -> str:
        """What metrics call it: the dimension LoadBalancer, `app/{name}/{id}`."""
        return self.balancer.load_balancer_full_name

    def add_targets(
        self, id_: str, *, name: str, port: int, check: HealthCheck | None = None, drain_seconds: int = 30
    ) -> elb.ApplicationTargetGroup:
        """Add a group of IP targets; a target that leaves has `drain_seconds` to finish its requests."""
        _refuse_name(name)
        check = check or HealthCheck()
        return elb.ApplicationTargetGroup(
            self,
            id_,
            target_group_name=name,
            vpc=self._vpc,
            target_type=elb.TargetType.IP,
            port=port,
            protocol=elb.ApplicationProtocol.HTTP,
            deregistration_delay=Duration.seconds(drain_seconds),
            health_check=elb.HealthCheck(
                path=check.path,
                healthy_http_codes=check.codes,
                interval=Duration.seconds(check.interval_seconds),
                timeout=Duration.seconds(check.timeout_seconds),
                healthy_threshold_count=check.healthy,
                unhealthy_threshold_count=check.unhealthy,
            ),
        )

    def serve(self, targets: Sequence[Weighted], *, port: int = _HTTPS, id_: str = "Https") -> elb.CfnListener:
        """Add a listener that ends TLS and forwards to `targets` by weight; the listener, for rules and dependencies.

        A later deployment that changes the listener's actions sets the weights again: who shifts them at run time
        keeps them out of the template, or passes in the live ones.
        """
        _refuse_weights(targets)
        return elb.CfnListener(
            self,
            id_,
            load_balancer_arn=self.balancer.load_balancer_arn,
            port=port,
            protocol="HTTPS",
            ssl_policy=_TLS_POLICY,
            certificates=[elb.CfnListener.CertificateProperty(certificate_arn=self._certificate_arn)],
            default_actions=[forward(targets)],
        )


def forward(targets: Sequence[Weighted]) -> elb.CfnListener.ActionProperty:
    """Return the action that spreads requests over `targets` by weight."""
    return elb.CfnListener.ActionProperty(
        type="forward",
        forward_config=elb.CfnListener.ForwardConfigProperty(
            target_groups=[
                elb.CfnListener.TargetGroupTupleProperty(target_group_arn=one.group.target_group_arn, weight=one.weight)
                for one in targets
            ]
        ),
    )


def let_load_balancers_log(bucket: s3.IBucket, *, prefix: str = "alb") -> None:
    """Let load balancers of the bucket's account deliver access logs below `prefix`.

    The bucket must be in the same region and encrypted with SSE-S3: no other encryption is delivered to.
    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    stack = Stack.of(bucket)
    balancers = stack.format_arn(service="elasticloadbalancing", resource="loadbalancer", resource_name="*")
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AllowLoadBalancerLogs",
            principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{prefix}/AWSLogs/{stack.account}/*")],
            conditions={"ArnLike": {"aws:SourceArn": balancers}},
        )
    )


def _to_https() -> elb.CfnListener.ActionProperty:
    return elb.CfnListener.ActionProperty(
        type="redirect",
        redirect_config=elb.CfnListener.RedirectConfigProperty(
            protocol="HTTPS", port=str(_HTTPS), status_code="HTTP_301"
        ),
    )


def _refuse_name(name: str) -> None:
    if len(name) > _LONGEST_NAME:
        raise InvalidRequest(f"a load balancer's or target group's name has at most {_LONGEST_NAME} letters: {name}")


def _refuse_weights(targets: Sequence[Weighted]) -> None:
    weights = [one.weight for one in targets]
    if not 1 <= len(weights) <= MOST_GROUPS:
        raise InvalidRequest(f"a listener forwards to 1 to {MOST_GROUPS} target groups, got {len(weights)}")
    if not all(0 <= weight <= MOST_WEIGHT for weight in weights) or not any(weights):
        raise InvalidRequest(f"weights must be 0 to {MOST_WEIGHT} and not all 0, got {weights}")
