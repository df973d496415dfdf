"""Reads queues, functions and schedules: who sends, who consumes, who may invoke, what inline code calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from holdfast.checks.graph.resource import Path, Resource, once
from holdfast.checks.policies import Verdict, allowed, grants_of, knowable, role_may, statements
from holdfast.checks.values import Undecided, as_list, as_text, is_undecided

# Properties in which a queue is named as a place for what failed, not as one that somebody fills with work.
_DEAD_LETTER_KEYS = frozenset({"deadLetterTargetArn", "DeadLetterConfig", "DeadLetterArn", "OnFailure", "TargetArn"})
_COMPUTE = ("AWS::ECS::TaskDefinition", "AWS::IAM::InstanceProfile", "AWS::Batch::JobDefinition", "AWS::EC2::Instance")

# The name of a service in an SDK, where it differs from its prefix in IAM.
_IAM_PREFIXES = {
    "elbv2": "elasticloadbalancing",
    "elb": "elasticloadbalancing",
    "stepfunctions": "states",
    "logs": "logs",
}
_CLIENT = re.compile(r"(\w+)\s*=\s*boto3\.(?:client|resource)\(\s*['\"]([\w-]+)['\"]")
_CALL = re.compile(r"\b(\w+)\.([a-z][a-z0-9_]*)\(")
_NOT_CALLS = frozenset(
    {"get_paginator", "get_waiter", "can_paginate", "close", "meta", "Table", "Bucket", "Queue", "Topic"}
)


def is_dead_letter_queue(queue: Resource) -> bool:
    """Tell whether another resource names the queue as its place for failures."""
    return any(_DEAD_LETTER_KEYS & {str(part) for part in path} for _, path, _ in queue.referrers)


def dead_letter_target(queue: Resource) -> Resource | Undecided | None:
    """Return a queue's dead-letter queue; undecided when it has one that the system does not declare."""
    value = queue.get("RedrivePolicy.deadLetterTargetArn")
    if value is None or isinstance(value, Undecided):
        return value
    found = queue.system.find(value, "AWS::SQS::Queue")
    return found or Undecided("its dead-letter queue is not in the templates")


def mappings_of(queue: Resource) -> list[Resource]:
    """Return the event source mappings and pipes that read a queue or stream."""
    kinds = ("AWS::Lambda::EventSourceMapping", "AWS::Pipes::Pipe")
    found = [o for o, p, _ in queue.referrers if o.type in kinds and p and p[0] in ("EventSourceArn", "Source")]
    for mapping in queue.system.resources("AWS::Lambda::EventSourceMapping"):
        if mapping not in found and mapping.system.find(mapping.get("EventSourceArn"), queue.type) is queue:
            found.append(mapping)
    return found


def senders_of(queue: Resource) -> Iterator[Resource]:
    """Yield what puts messages into a queue: notifications, rules, subscriptions, roles that may send."""
    for other, path, _ in queue.referrers:
        parts = {str(part) for part in path}
        if _DEAD_LETTER_KEYS & parts:
            continue
        if other.type in ("AWS::S3::Bucket", "AWS::Events::Rule", "AWS::SNS::Subscription", "AWS::Scheduler::Schedule"):
            yield other
    for role in queue.system.resources("AWS::IAM::Role"):
        if _granted(role, "sqs:SendMessage", queue) and is_worn(role):
            yield role


def receivers_of(queue: Resource) -> Iterator[Resource]:
    """Yield the roles, users and groups that may receive from a queue."""
    for role in queue.system.resources("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"):
        if _granted(role, "sqs:ReceiveMessage", queue):
            yield role
    for policy in queue.system.resources("AWS::IAM::ManagedPolicy", "AWS::SQS::QueuePolicy"):
        if any(o is policy for o, _, _ in queue.referrers):
            found = statements(policy.get("PolicyDocument"))
            if any(s.allows and s.covers("sqs:ReceiveMessage") is True for s in found):
                yield policy


@once
def is_worn(role: Resource) -> bool:
    """Tell whether a function, task or other compute of the system runs with the role."""
    return any(not other.type.startswith("AWS::IAM::") or other.type in _COMPUTE for other, _, _ in role.referrers)


def worn_by_compute(role: Resource) -> bool:
    """Tell whether something that may poll by itself (a task, an instance) runs with the role; functions do not."""
    return any(other.type in _COMPUTE for other, _, _ in role.referrers)


def _granted(role: Resource, action: str, queue: Resource) -> bool:
    for _, statement in grants_of(role):
        named = any(queue.system.find(value, queue.type) is queue for value in statement.resources)
        if statement.allows and statement.covers(action) is True and named:
            return True
    return False


def role_of_function(function: Resource) -> Resource | None:
    """Return the role a function runs with, if the system declares it."""
    return function.system.find(function.get("Role"), "AWS::IAM::Role")


def function_may(function: Resource, action: str, on: Resource | None = None) -> Verdict:
    """Tell whether a function's role lets it do `action`."""
    role = role_of_function(function)
    return Undecided("its role is not in the templates") if role is None else role_may(role, action, on)


def may_invoke(function: Resource, service: str) -> Verdict:
    """Tell whether a permission lets a service invoke a function."""
    verdict: Verdict = False
    for permission in function.system.resources("AWS::Lambda::Permission"):
        target = function.system.find(permission.get("FunctionName"))
        if not _same_function(target, function):
            continue
        principal = permission.get("Principal")
        if is_undecided(principal):
            verdict = Undecided(f"principal {principal}")
        elif (as_text(principal) or "").replace("${AWS::URLSuffix}", "amazonaws.com") in (service, "*"):
            return True
    return verdict


def _same_function(target: Resource | None, function: Resource) -> bool:
    if target is function:
        return True
    if target is not None and target.type in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        return function.system.find(target.get("FunctionName"), "AWS::Lambda::Function") is function
    return False


def function_behind(resource: Resource | None) -> Resource | None:
    """Return the function that a function, alias or version stands for."""
    if resource is not None and resource.type in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        return resource.system.find(resource.get("FunctionName"), "AWS::Lambda::Function")
    return resource if resource is not None and resource.type == "AWS::Lambda::Function" else None


def admitted_by_queue(queue: Resource, service: str) -> Verdict:
    """Tell whether a queue's policies let a service send."""
    return _admitted(queue, service, "AWS::SQS::QueuePolicy", "Queues", "sqs:SendMessage")


def admitted_by_topic(topic: Resource, service: str) -> Verdict:
    """Tell whether a topic's policies let a service publish."""
    return _admitted(topic, service, "AWS::SNS::TopicPolicy", "Topics", "sns:Publish")


def _admitted(target: Resource, service: str, kind: str, prop: str, action: str) -> Verdict:
    policies = [p for p in target.system.resources(kind) if _names(p, prop, target)]
    found = [s for policy in policies for s in statements(policy.get("PolicyDocument"))]
    verdict = allowed(found, service, (action,))
    if verdict is not False:
        return verdict
    unknown = [u for policy in policies if (u := knowable(policy.get("PolicyDocument"))) is not None]
    return unknown[0] if unknown else False


def _names(policy: Resource, prop: str, target: Resource) -> bool:
    return any(policy.system.find(value, target.type) is target for value in as_list(policy.get(prop)))


def inline_code(function: Resource) -> str | None:
    """Return a function's inline source; None when it comes from elsewhere or is not wholly known."""
    code = function.get("Code.ZipFile")
    return code if isinstance(code, str) else None


@lru_cache(256)
def actions_in(code: str) -> dict[str, str]:
    """Return what inline Python calls with clients it names: IAM action to the call as written."""
    clients: dict[str, str] = dict(_CLIENT.findall(code))
    found: dict[str, str] = {}
    for name, method in _CALL.findall(code):
        service = clients.get(name)
        if service is not None and method not in _NOT_CALLS and "_" in method:
            action = "".join(part.capitalize() for part in method.split("_"))
            found[f"{_IAM_PREFIXES.get(service, service)}:{action}"] = f"{name}.{method}()"
    return found


def triggers_of(function: Resource) -> Iterator[tuple[Resource, Path, str]]:
    """Yield what invokes a function on its own account: (who, path of the target in it, service principal)."""
    aliases = [o for o, p, _ in function.referrers if o.type == "AWS::Lambda::Alias" and p == ("FunctionName",)]
    for target in (function, *aliases):
        for other, path, _ in target.referrers:
            service = _invoker(other, path)
            if service:
                yield other, path, service


def _invoker(other: Resource, path: Path) -> str | None:
    if other.type == "AWS::Events::Rule" and path[0] == "Targets" and path[-1] == "Arn":
        return "events.amazonaws.com"
    if other.type == "AWS::S3::Bucket" and path[0] == "NotificationConfiguration":
        return "s3.amazonaws.com"
    if other.type == "AWS::SNS::Subscription" and path == ("Endpoint",):
        return "sns.amazonaws.com"
    if other.type == "AWS::SecretsManager::RotationSchedule" and path == ("RotationLambdaARN",):
        return "secretsmanager.amazonaws.com"
    if other.type == "AWS::Logs::SubscriptionFilter" and path == ("DestinationArn",):
        return "logs.amazonaws.com"
    if other.type == "AWS::CloudWatch::Alarm" and path[0] == "AlarmActions":
        return "lambda.alarms.cloudwatch.amazonaws.com"
    return None
