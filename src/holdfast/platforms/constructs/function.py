"""A Python function with a role and a log group of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

# Supported until 2029-06-30: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
RUNTIME = lambda_.Runtime.PYTHON_3_13
PYTHON = "3.13"


_ISOLATED = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)


@dataclass(frozen=True, kw_only=True)
class Seat:
    """Where functions run: inside `vpc`, in its isolated subnets unless others are named."""

    vpc: ec2.IVpc
    group: ec2.ISecurityGroup
    subnets: ec2.SubnetSelection | None = None


@dataclass(frozen=True, kw_only=True)
class FunctionShape:
    """What all functions of a platform share."""

    code: lambda_.Code
    architecture: lambda_.Architecture
    key: kms.IKey
    log_days: logs.RetentionDays = logs.RetentionDays.ONE_MONTH


class PythonFunction(Construct):
    """A function whose role holds the Lambda basics and exactly `statements`; its log goes with the stack."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shape: FunctionShape,
        name: str,
        handler: str,
        description: str,
        timeout_seconds: int,
        memory_mb: int,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        seat: Seat | None = None,
    ) -> None:
        super().__init__(scope, id_)
        managed = ["AWSLambdaBasicExecutionRole", *(["AWSLambdaVPCAccessExecutionRole"] if seat else [])]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=description,
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{one}") for one in managed],
            inline_policies={"Rights": iam.PolicyDocument(statements=list(statements))},
        )
        self.log_group = logs.LogGroup(
            self,
            "Log",
            log_group_name=log_group_name(name),
            retention=shape.log_days,
            encryption_key=shape.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=description,
            runtime=RUNTIME,
            architecture=shape.architecture,
            handler=handler,
            code=shape.code,
            # By its ARN, so that nothing the CDK attaches later widens the role unseen. For the same reason queues and
            # destinations are attached below without the CDK's grants, which would land in the key's policy instead.
            role=iam.Role.from_role_arn(self, "FixedRole", self.role.role_arn, mutable=False),
            timeout=Duration.seconds(timeout_seconds),
            memory_size=memory_mb,
            environment=dict(environment),
            log_group=self.log_group,
            vpc=seat.vpc if seat else None,
            vpc_subnets=(seat.subnets or _ISOLATED) if seat else None,
            security_groups=[seat.group] if seat else None,
        )

    def retry_events(self, *, attempts: int, dead_letters: sqs.IQueue) -> None:
        """Retry failed asynchronous events for up to an hour, then put them into `dead_letters`."""
        lambda_.CfnEventInvokeConfig(
            self,
            "Retries",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=attempts,
            maximum_event_age_in_seconds=3600,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead_letters.queue_arn)
            ),
        )

    def take(self, queue: sqs.IQueue, *, batch_size: int, max_concurrency: int) -> lambda_.CfnEventSourceMapping:
        """Take messages from `queue`, so many at a time; what the answer does not name as failed is deleted."""
        return lambda_.CfnEventSourceMapping(
            self,
            "Source",
            function_name=self.function.function_name,
            event_source_arn=queue.queue_arn,
            batch_size=batch_size,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=max_concurrency),
        )


def log_group_name(function_name: str) -> str:
    """Return where Lambda writes a function's log."""
    return f"/aws/lambda/{function_name}"


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, object]] | None = None,
) -> iam.PolicyStatement:
    """Return a role's statement; `resources` are named, never a bare `*`."""
    assert "*" not in resources, sid
    return iam.PolicyStatement(
        sid=sid, actions=list(actions), resources=list(resources), conditions=dict(conditions) if conditions else None
    )
