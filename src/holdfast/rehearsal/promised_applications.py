"""What a template promises of networks, balancers, containers, scaling and schedules, and which answer shows it."""

from __future__ import annotations

from typing import Any

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Deployed, Row, addressed, by_arn, by_id, in_first, rows


def _listed(service: str, operation: str, parameter: str) -> Call:
    """Return a call that takes a list of ids, of this one resource."""
    return Call(service=service, operation=operation, parameters=lambda it: {parameter: [it.physical_id]})


def _group_rules(direction: str) -> Call:
    """Return the call that finds one security group rule among those of its group."""
    answered, peer = {
        "ingress": ("IpPermissions", "SourceSecurityGroupId"),
        "egress": ("IpPermissionsEgress", "DestinationSecurityGroupId"),
    }[direction]

    def select(answer: Any, it: Deployed) -> Any:
        group = answer["SecurityGroups"][0]
        told = words.peers(group[answered])
        asked = {key: value for key, value in it.properties.items() if key not in ("GroupId", "Tags")}
        for rule in ({**one, peer: one.get("SourceSecurityGroupId")} for one in told):
            if all(str(rule.get(key)) == str(value) for key, value in asked.items()):
                return rule
        return {}

    return Call(
        service="ec2",
        operation="describe_security_groups",
        parameters=lambda it: {"GroupIds": [it.properties["GroupId"]]},
        select=select,
    )


def _route(answer: Any, it: Deployed) -> Any:
    routes = answer["RouteTables"][0]["Routes"]
    wanted = it.properties.get("DestinationCidrBlock")
    return next((one for one in routes if one.get("DestinationCidrBlock") == wanted), {})


def _elb_tags() -> list[Row]:
    return rows(_listed("elbv2", "describe_tags", "ResourceArns"), Tags=("TagDescriptions.0.Tags", *words.tags()))


def _attributes(operation: str, parameter: str) -> Call:
    return by_id("elbv2", operation, parameter)


def _policy_documents(it: Deployed) -> list[dict[str, Any]]:
    return [{"RoleName": role, "PolicyName": it.properties["PolicyName"]} for role in it.properties["Roles"]]


INGRESS, EGRESS = _group_rules("ingress"), _group_rules("egress")
GROUP_RULE = ("Description", "IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6")
ROUTE = Call(
    service="ec2",
    operation="describe_route_tables",
    parameters=lambda it: {"RouteTableIds": [it.properties["RouteTableId"]]},
    select=_route,
)
ATTACHMENT = Call(
    service="ec2",
    operation="describe_internet_gateways",
    parameters=lambda it: {"InternetGatewayIds": [it.properties["InternetGatewayId"]]},
)
SERVICE = Call(
    service="ecs",
    operation="describe_services",
    parameters=lambda it: {
        "cluster": it.properties["Cluster"],
        "services": [it.physical_id],
        "include": ["TAGS"],
    },
)
CLUSTER = Call(
    service="ecs",
    operation="describe_clusters",
    parameters=lambda it: {"clusters": [it.physical_id], "include": ["SETTINGS", "TAGS"]},
)
TASK = Call(
    service="ecs",
    operation="describe_task_definition",
    parameters=lambda it: {"taskDefinition": it.physical_id, "include": ["TAGS"]},
)
ADDRESS = Call(
    service="ec2",
    operation="describe_addresses",
    parameters=lambda it: {"PublicIps": [it.physical_id]},
    select=lambda answer, it: next((one for one in answer["Addresses"] if one["PublicIp"] == it.physical_id), {}),
)
NAT = _listed("ec2", "describe_nat_gateways", "NatGatewayIds")
FLOW_LOG = _listed("ec2", "describe_flow_logs", "FlowLogIds")
BALANCER = _listed("elbv2", "describe_load_balancers", "LoadBalancerArns")
TARGETS = _listed("elbv2", "describe_target_groups", "TargetGroupArns")
LISTENER = _listed("elbv2", "describe_listeners", "ListenerArns")
RULE = _listed("elbv2", "describe_rules", "RuleArns")
COMPOSITE = Call(
    service="cloudwatch",
    operation="describe_alarms",
    parameters=lambda it: {"AlarmNames": [it.physical_id], "AlarmTypes": ["CompositeAlarm"]},
)
SCALED = Call(
    service="application-autoscaling",
    operation="describe_scalable_targets",
    parameters=lambda it: {
        "ServiceNamespace": it.properties["ServiceNamespace"],
        "ResourceIds": [it.properties["ResourceId"]],
    },
)
POLICY = Call(
    service="application-autoscaling",
    operation="describe_scaling_policies",
    parameters=lambda it: {
        "PolicyNames": [it.properties["PolicyName"]],
        "ServiceNamespace": it.properties.get("ServiceNamespace")
        or str(it.properties["ScalingTargetId"]).rpartition("|")[2],
    },
)
LOWER = words.lowered


APPLICATIONS: dict[str, list[Row]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": rows(
        SCALED,
        **in_first(
            "ScalableTargets",
            "MaxCapacity",
            "MinCapacity",
            "ResourceId",
            "RoleARN",
            "ScalableDimension",
            "ServiceNamespace",
        ),
    )
    + rows(by_arn("application-autoscaling", "list_tags_for_resource", "ResourceARN"), Tags=("Tags", *words.tags())),
    "AWS::ApplicationAutoScaling::ScalingPolicy": [
        *rows(
            POLICY,
            **in_first(
                "ScalingPolicies",
                "PolicyName",
                "PolicyType",
                "ScalableDimension",
                "ResourceId",
                "ServiceNamespace",
                "TargetTrackingScalingPolicyConfiguration",
                "StepScalingPolicyConfiguration",
            ),
        ),
        *addressed(POLICY, "ScalingTargetId"),
    ],
    "AWS::CloudWatch::CompositeAlarm": rows(
        COMPOSITE,
        **in_first("CompositeAlarms", "AlarmName", "AlarmRule", "AlarmActions", "OKActions", "AlarmDescription"),
    ),
    "AWS::EC2::EIP": rows(ADDRESS, Domain="Domain", Tags=("Tags", *words.tags())),
    "AWS::EC2::FlowLog": rows(
        FLOW_LOG,
        **in_first(
            "FlowLogs",
            "DeliverLogsPermissionArn",
            "LogDestination",
            "LogDestinationType",
            "LogGroupName",
            "MaxAggregationInterval",
            "ResourceId",
            "TrafficType",
        ),
        Tags=("FlowLogs.0.Tags", *words.tags()),
    ),
    "AWS::EC2::InternetGateway": rows(
        _listed("ec2", "describe_internet_gateways", "InternetGatewayIds"),
        Tags=("InternetGateways.0.Tags", *words.tags()),
    ),
    "AWS::EC2::NatGateway": rows(
        NAT,
        AllocationId="NatGateways.0.NatGatewayAddresses.0.AllocationId",
        ConnectivityType="NatGateways.0.ConnectivityType",
        SubnetId="NatGateways.0.SubnetId",
        Tags=("NatGateways.0.Tags", *words.tags()),
    ),
    "AWS::EC2::Route": [
        *rows(
            ROUTE,
            DestinationCidrBlock="DestinationCidrBlock",
            GatewayId="GatewayId",
            NatGatewayId="NatGatewayId",
        ),
        *addressed(ROUTE, "RouteTableId"),
    ],
    "AWS::EC2::SecurityGroupEgress": [
        *rows(EGRESS, **{name: name for name in (*GROUP_RULE, "DestinationSecurityGroupId")}),
        *addressed(EGRESS, "GroupId"),
    ],
    "AWS::EC2::SecurityGroupIngress": [
        *rows(INGRESS, **{name: name for name in (*GROUP_RULE, "SourceSecurityGroupId")}),
        *addressed(INGRESS, "GroupId"),
    ],
    "AWS::EC2::VPCGatewayAttachment": [
        *rows(ATTACHMENT, VpcId="InternetGateways.0.Attachments.0.VpcId"),
        *addressed(ATTACHMENT, "InternetGatewayId"),
    ],
    "AWS::ECS::Cluster": rows(
        CLUSTER,
        ClusterName="clusters.0.clusterName",
        ClusterSettings=("clusters.0.settings", LOWER, LOWER),
        Tags=("clusters.0.tags", *words.tags("key", "value")),
    ),
    "AWS::ECS::Service": rows(
        SERVICE,
        AvailabilityZoneRebalancing="services.0.availabilityZoneRebalancing",
        DeploymentConfiguration=("services.0.deploymentConfiguration", LOWER, LOWER),
        DesiredCount="services.0.desiredCount",
        EnableExecuteCommand="services.0.enableExecuteCommand",
        HealthCheckGracePeriodSeconds="services.0.healthCheckGracePeriodSeconds",
        LaunchType="services.0.launchType",
        LoadBalancers=("services.0.loadBalancers", LOWER, LOWER),
        NetworkConfiguration=("services.0.networkConfiguration", LOWER, LOWER),
        PlatformVersion="services.0.platformVersion",
        PropagateTags="services.0.propagateTags",
        EnableECSManagedTags="services.0.enableECSManagedTags",
        Cluster=("services.0.clusterArn", words.last, words.last),
        ServiceName="services.0.serviceName",
        TaskDefinition="services.0.taskDefinition",
        Tags=("services.0.tags", *words.tags("key", "value")),
    ),
    "AWS::ECS::TaskDefinition": rows(
        TASK,
        ContainerDefinitions=("taskDefinition.containerDefinitions", LOWER, LOWER),
        Cpu="taskDefinition.cpu",
        ExecutionRoleArn="taskDefinition.executionRoleArn",
        Family="taskDefinition.family",
        Memory="taskDefinition.memory",
        NetworkMode="taskDefinition.networkMode",
        RequiresCompatibilities="taskDefinition.requiresCompatibilities",
        RuntimePlatform=("taskDefinition.runtimePlatform", LOWER, LOWER),
        TaskRoleArn="taskDefinition.taskRoleArn",
        Volumes=("taskDefinition.volumes", LOWER, LOWER),
        Tags=("tags", *words.tags("key", "value")),
    ),
    "AWS::ElasticLoadBalancingV2::Listener": [
        *rows(
            LISTENER,
            **in_first(
                "Listeners", "Certificates", "DefaultActions", "LoadBalancerArn", "Port", "Protocol", "SslPolicy"
            ),
        ),
        *_elb_tags(),
    ],
    "AWS::ElasticLoadBalancingV2::ListenerRule": rows(
        RULE, **in_first("Rules", "Actions", "Priority"), Conditions="Rules.0.Conditions"
    )
    + addressed(RULE, "ListenerArn"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": [
        *rows(
            BALANCER,
            **in_first("LoadBalancers", "IpAddressType", "Scheme", "SecurityGroups", "Type"),
            Name="LoadBalancers.0.LoadBalancerName",
            Subnets=("LoadBalancers.0.AvailabilityZones", words.each("SubnetId")),
        ),
        *rows(
            _attributes("describe_load_balancer_attributes", "LoadBalancerArn"),
            LoadBalancerAttributes=("Attributes", *words.tags()),
        ),
        *_elb_tags(),
    ],
    "AWS::ElasticLoadBalancingV2::TargetGroup": [
        *rows(
            TARGETS,
            **in_first(
                "TargetGroups",
                "HealthCheckEnabled",
                "HealthCheckIntervalSeconds",
                "HealthCheckPath",
                "HealthCheckPort",
                "HealthCheckProtocol",
                "HealthCheckTimeoutSeconds",
                "HealthyThresholdCount",
                "Matcher",
                "Port",
                "Protocol",
                "TargetType",
                "UnhealthyThresholdCount",
                "VpcId",
            ),
            Name="TargetGroups.0.TargetGroupName",
        ),
        *rows(
            by_id("elbv2", "describe_target_health", "TargetGroupArn"),
            Targets=("TargetHealthDescriptions", words.each("Target")),
        ),
        *rows(
            _attributes("describe_target_group_attributes", "TargetGroupArn"),
            TargetGroupAttributes=("Attributes", *words.tags()),
        ),
        *_elb_tags(),
    ],
    "AWS::IAM::Policy": rows(
        Call(service="iam", operation="get_role_policy", parameters=_policy_documents),
        PolicyDocument="0.PolicyDocument",
        PolicyName="0.PolicyName",
        Roles=("", words.each("RoleName")),
    ),
    "AWS::Logs::MetricFilter": rows(
        Call(
            service="logs",
            operation="describe_metric_filters",
            parameters=lambda it: {"logGroupName": it.properties["LogGroupName"]},
            select=lambda answer, it: next(
                (one for one in answer["metricFilters"] if one["filterPattern"] == it.properties["FilterPattern"]), {}
            ),
        ),
        FilterPattern="filterPattern",
        LogGroupName="logGroupName",
        MetricTransformations=("metricTransformations", LOWER, LOWER),
    ),
    "AWS::Scheduler::Schedule": rows(
        by_id("scheduler", "get_schedule", "Name"),
        Description="Description",
        FlexibleTimeWindow="FlexibleTimeWindow",
        KmsKeyArn="KmsKeyArn",
        Name="Name",
        ScheduleExpression="ScheduleExpression",
        ScheduleExpressionTimezone="ScheduleExpressionTimezone",
        State="State",
        Target="Target",
    ),
    "AWS::DynamoDB::Table": rows(
        by_id("dynamodb", "describe_contributor_insights", "TableName"),
        ContributorInsightsSpecification=(
            "ContributorInsightsStatus",
            lambda status: {"Enabled": status in ("ENABLED", "ENABLING")},
        ),
    ),
}
