"""ALM003."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.checks.alarms import metrics
from holdfast.checks.finding import Finding
from holdfast.checks.graph.resource import Resource
from holdfast.checks.rule import ResourceRule
from holdfast.checks.values import Reference, Text, Undecided, Value, is_undecided

# Dimension: (type, what is right; "" is Ref).
_WRONG = ("arn:", "https:")
_RIGHT = {
    "QueueName": ("AWS::SQS::Queue", "QueueName"),
    "TopicName": ("AWS::SNS::Topic", "TopicName"),
    "LoadBalancer": ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName"),
    "TargetGroup": ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName"),
    "FunctionName": ("AWS::Lambda::Function", ""),
    "TableName": ("AWS::DynamoDB::Table", ""),
    "BucketName": ("AWS::S3::Bucket", ""),
    "DBClusterIdentifier": ("AWS::RDS::DBCluster", ""),
    "DBInstanceIdentifier": ("AWS::RDS::DBInstance", ""),
    "ServiceName": ("AWS::ECS::Service", "Name"),
    "ClusterName": ("AWS::ECS::Cluster", ""),
    "EventSourceMappingUUID": ("AWS::Lambda::EventSourceMapping", ""),
}


class DimensionNamesTheResource(ResourceRule):
    """A dimension holds the name that CloudWatch uses: not an ARN, not a URL."""

    id = "ALM003"
    resource_types = ("AWS::CloudWatch::Alarm",)
    remediation = "Use the attribute the message names."
    source = (
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-c"
        "loudwatch-metrics.html"
    )

    def check(self, resource: Resource) -> Iterator[Finding]:
        """Look at dimensions whose value refers to a resource."""
        for metric in metrics(resource):
            if isinstance(metric.dimensions, Undecided):
                continue
            for name, value in metric.dimensions.items():
                where = f"{metric.path}Dimensions"
                kind, attribute = _RIGHT.get(name, ("", ""))
                if isinstance(value, Reference):
                    target = resource.system.resource(value)
                    if target is not None and target.type == kind and value.attribute != attribute:
                        right = f"!GetAtt {value.logical_id}.{attribute}" if attribute else f"!Ref {value.logical_id}"
                        message = f"dimension {name} is {value}, which no metric carries; it is {right}"
                        yield self.violated(resource, where, message)
                elif isinstance(value, str) and kind and value.startswith(_WRONG):
                    yield self.violated(
                        resource, where, f"dimension {name} is {value}, an ARN or URL no metric carries"
                    )
                elif is_undecided(value) and kind and metric.namespace != "AWS/S3" and not _begins_as_a_name(value):
                    yield self.undecided(resource, where, value)


def _begins_as_a_name(value: Value) -> bool:
    """Tell whether the text's beginning is written and is neither an ARN's nor a URL's, whatever follows."""
    return isinstance(value, Text) and isinstance(value.parts[0], str) and not value.parts[0].startswith(_WRONG)
