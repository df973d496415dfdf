"""What a template promises of load balancers, containers and their scaling."""

from __future__ import annotations

from holdfast.rehearsal import read_back_words as words
from holdfast.rehearsal.read_back_rows import Call, Row, addressed, by_arn, by_id, in_first, listing, rows, tagged


def _elb_tags() -> list[Row]:
    return tagged(listing("elbv2", "describe_tags", "ResourceArns"), "TagDescriptions.0.Tags")


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
BALANCER = listing("elbv2", "describe_load_balancers", "LoadBalancerArns")
TARGETS = listing("elbv2", "describe_target_groups", "TargetGroupArns")
LISTENER = listing("elbv2", "describe_listeners", "ListenerArns")
RULE = listing("elbv2", "describe_rules", "RuleArns")
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

CONTAINERS: dict[str, list[Row]] = {
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
    + tagged(by_arn("application-autoscaling", "list_tags_for_resource", "ResourceARN")),
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
            by_id("elbv2", "describe_load_balancer_attributes", "LoadBalancerArn"),
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
            by_id("elbv2", "describe_target_group_attributes", "TargetGroupArn"),
            TargetGroupAttributes=("Attributes", *words.tags()),
        ),
        *_elb_tags(),
    ],
}
