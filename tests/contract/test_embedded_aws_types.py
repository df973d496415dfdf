"""Each resource type that our extension adds or completes: made, told by its own service, changed in place, removed."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.rehearsal.deploy import DeployFailed, Deployment, deploy, destroy
from holdfast.rehearsal.ports import EmbeddedAws
from tests.support.emulator import ANYTHING, HOME, code, function, role, stack

pytestmark = pytest.mark.emulator

Resources = dict[str, Any]
NETWORK: Resources = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
    "One": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.0.0/24", "AvailabilityZone": f"{HOME}a"},
    },
    "Two": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.1.0/24", "AvailabilityZone": f"{HOME}b"},
    },
}


@contextmanager
def deployed(aws: EmbeddedAws, name: str, resources: Resources) -> Iterator[Deployment]:
    """The stack inside the block; gone after it."""
    deployment = deploy(aws, [stack(name, resources)])
    yield deployment
    destroy(aws, deployment)


def changed(aws: EmbeddedAws, name: str, resources: Resources) -> Deployment:
    return deploy(aws, [stack(name, resources)])


def typed(resource_type: str, **properties: Any) -> Resources:
    return {"Type": resource_type, "Properties": properties}


def cluster(**properties: Any) -> Resources:
    given = {
        "DBClusterIdentifier": "types-cluster",
        "Engine": "aurora-mysql",
        "MasterUsername": "admin",
        "MasterUserPassword": "not-a-secret",  # the emulator runs no database
        "StorageEncrypted": True,
        "KmsKeyId": {"Ref": "Key"},
        "EnableCloudwatchLogsExports": ["error", "slowquery"],
        "DBClusterParameterGroupName": {"Ref": "Group"},
        "AssociatedRoles": [{"RoleArn": "arn:aws:iam::123456789012:role/export", "FeatureName": "s3Export"}],
        "DatabaseInsightsMode": "standard",
        "Tags": [{"Key": "CostCenter", "Value": "one"}],
        **properties,
    }
    group = {"Family": "aurora-mysql8.0", "Description": "d", "Parameters": {"require_secure_transport": "ON"}}
    return {
        "Key": typed("AWS::KMS::Key", KeyPolicy={"Version": "2012-10-17", "Statement": []}),
        "Group": typed("AWS::RDS::DBClusterParameterGroup", **group),
        "Cluster": typed("AWS::RDS::DBCluster", **given),
    }


def instance(name: str, tier: int, **properties: Any) -> Resources:
    return typed(
        "AWS::RDS::DBInstance",
        DBInstanceIdentifier=name,
        DBClusterIdentifier={"Ref": "Cluster"},
        Engine="aurora-mysql",
        DBInstanceClass="db.serverless",
        PromotionTier=tier,
        EnablePerformanceInsights=True,
        PerformanceInsightsRetentionPeriod=31,
        **properties,
    )


def test_a_cluster_tells_what_the_template_says_and_its_first_instance_writes(aws: EmbeddedAws) -> None:
    writer, reader = instance("types-writer", 0), instance("types-reader", 1)
    reader["DependsOn"] = "Writer"
    resources = {**cluster(), "Writer": writer, "Reader": reader}
    rds = aws.client("rds", HOME)
    with deployed(aws, "types-cluster", resources) as deployment:
        told = rds.describe_db_clusters(DBClusterIdentifier="types-cluster")["DBClusters"][0]
        instances = rds.describe_db_instances(DBInstanceIdentifier="types-reader")["DBInstances"]

        assert told["KmsKeyId"].endswith(f":key/{deployment.resource('Key')}")
        assert told["EnabledCloudwatchLogsExports"] == ["error", "slowquery"]
        assert told["DBClusterParameterGroup"] == deployment.resource("Group")
        assert [role["FeatureName"] for role in told["AssociatedRoles"]] == ["s3Export"]
        assert told["DatabaseInsightsMode"] == "standard"
        assert told["TagList"] == [{"Key": "CostCenter", "Value": "one"}]
        members = {one["DBInstanceIdentifier"]: one["IsClusterWriter"] for one in told["DBClusterMembers"]}
        assert members == {"types-writer": True, "types-reader": False}
        assert instances[0]["PerformanceInsightsRetentionPeriod"] == 31
        assert instances[0]["KmsKeyId"] == told["KmsKeyId"]

        more = {**resources, **cluster(EnableCloudwatchLogsExports=["error"], BackupRetentionPeriod=9)}
        changed(aws, "types-cluster", more)
        after = rds.describe_db_clusters(DBClusterIdentifier="types-cluster")["DBClusters"][0]
        assert (after["EnabledCloudwatchLogsExports"], after["BackupRetentionPeriod"]) == (["error"], 9)
        assert after["DbClusterResourceId"] == told["DbClusterResourceId"]
    with pytest.raises(ClientError, match="DBClusterNotFound"):
        rds.describe_db_clusters(DBClusterIdentifier="types-cluster")


def test_a_protected_cluster_is_not_deleted_with_its_stack(aws: EmbeddedAws) -> None:
    protected = {"DBClusterIdentifier": "types-protected", "DeletionProtection": True}
    deployment = deploy(aws, [stack("types-protected", cluster(**protected))])

    with pytest.raises(DeployFailed, match=r"Cluster .*DELETE_FAILED.*disable deletion protection"):
        destroy(aws, deployment)
    assert aws.client("rds", HOME).describe_db_clusters(DBClusterIdentifier="types-protected")["DBClusters"]

    aws.client("rds", HOME).modify_db_cluster(DBClusterIdentifier="types-protected", DeletionProtection=False)
    assert destroy(aws, deployment) == []


def test_an_event_subscription_and_a_proxy_are_told_changed_and_removed(aws: EmbeddedAws) -> None:
    def resources(categories: list[str], *, tls: bool) -> Resources:
        return {
            **NETWORK,
            "Topic": typed("AWS::SNS::Topic", TopicName="types-topic"),
            "Secret": typed("AWS::SecretsManager::Secret", Name="types-proxy", SecretString="{}"),
            "Events": typed(
                "AWS::RDS::EventSubscription",
                SubscriptionName="types-events",
                SnsTopicArn={"Ref": "Topic"},
                SourceType="db-cluster",
                EventCategories=categories,
            ),
            "Proxy": typed(
                "AWS::RDS::DBProxy",
                DBProxyName="types-proxy",
                EngineFamily="MYSQL",
                RequireTLS=tls,
                RoleArn="arn:aws:iam::123456789012:role/proxy",
                Auth=[{"AuthScheme": "SECRETS", "SecretArn": {"Ref": "Secret"}, "IAMAuth": "DISABLED"}],
                VpcSubnetIds=[{"Ref": "One"}, {"Ref": "Two"}],
            ),
        }

    rds = aws.client("rds", HOME)
    with deployed(aws, "types-rds", resources(["failover"], tls=False)):
        events = rds.describe_event_subscriptions(SubscriptionName="types-events")["EventSubscriptionsList"]
        assert (events[0]["SourceType"], events[0]["EventCategoriesList"]) == ("db-cluster", ["failover"])
        assert events[0]["SnsTopicArn"].endswith(":types-topic")
        assert rds.describe_db_proxies(DBProxyName="types-proxy")["DBProxies"][0]["RequireTLS"] is False

        changed(aws, "types-rds", resources(["failover", "failure"], tls=True))
        events = rds.describe_event_subscriptions(SubscriptionName="types-events")["EventSubscriptionsList"]
        assert events[0]["EventCategoriesList"] == ["failover", "failure"]
        assert rds.describe_db_proxies(DBProxyName="types-proxy")["DBProxies"][0]["RequireTLS"] is True
    with pytest.raises(ClientError, match="SubscriptionNotFound"):
        rds.describe_event_subscriptions(SubscriptionName="types-events")
    with pytest.raises(ClientError, match="DBProxyNotFound"):
        rds.describe_db_proxies(DBProxyName="types-proxy")


def test_a_scalable_target_and_its_policy_are_told_changed_and_removed(aws: EmbeddedAws) -> None:
    def resources(most: int, cpu: float) -> Resources:
        tracking = {
            "TargetValue": cpu,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        }
        target = {
            "ServiceNamespace": "ecs",
            "ResourceId": "service/c/s",
            "ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": 2,
            "MaxCapacity": most,
        }
        return {
            "Target": typed("AWS::ApplicationAutoScaling::ScalableTarget", **target),
            "Policy": typed(
                "AWS::ApplicationAutoScaling::ScalingPolicy",
                PolicyName="cpu",
                PolicyType="TargetTrackingScaling",
                ScalingTargetId={"Ref": "Target"},
                TargetTrackingScalingPolicyConfiguration=tracking,
            ),
        }

    scaling = aws.client("application-autoscaling", HOME)

    def told() -> tuple[list[int], list[float]]:
        targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
        values = [one["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for one in policies]
        return [one["MaxCapacity"] for one in targets], values

    with deployed(aws, "types-scaling", resources(4, 60.5)):
        assert told() == ([4], [60.5])
        changed(aws, "types-scaling", resources(6, 50))
        assert told() == ([6], [50.0])
    assert told() == ([], [])


def test_a_selection_joins_its_plan_and_leaves_it(aws: EmbeddedAws) -> None:
    rule = {"RuleName": "daily", "TargetBackupVault": {"Ref": "Vault"}, "ScheduleExpression": "cron(0 5 * * ? *)"}
    selection = {
        "SelectionName": "clusters",
        "IamRoleArn": "arn:aws:iam::123456789012:role/backup",
        "Resources": ["arn:aws:rds:us-east-1:123456789012:cluster:one"],
    }
    resources = {
        "Vault": typed("AWS::Backup::BackupVault", BackupVaultName="types-vault"),
        "Plan": typed("AWS::Backup::BackupPlan", BackupPlan={"BackupPlanName": "p", "BackupPlanRule": [rule]}),
        "Selection": typed(
            "AWS::Backup::BackupSelection",
            BackupPlanId={"Ref": "Plan"},
            BackupSelection=selection,
        ),
    }
    backup = aws.client("backup", HOME)
    with deployed(aws, "types-backup", resources) as deployment:
        plan = deployment.resource("Plan")
        [listed] = backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]
        told = backup.get_backup_selection(BackupPlanId=plan, SelectionId=listed["SelectionId"])["BackupSelection"]
        assert told["Resources"] == selection["Resources"]
    assert plan not in [one["BackupPlanId"] for one in backup.list_backup_plans()["BackupPlansList"]]


def test_a_secret_tells_its_rotation_and_its_policy(aws: EmbeddedAws) -> None:
    def resources(days: int) -> Resources:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*"}]}
        hosted = {"RotationType": "MySQLSingleUser", "RotationLambdaName": "rotates"}
        return {
            "Secret": typed("AWS::SecretsManager::Secret", Name="types-secret", SecretString='{"password": "x"}'),
            "Policy": typed("AWS::SecretsManager::ResourcePolicy", SecretId={"Ref": "Secret"}, ResourcePolicy=policy),
            "Rotation": typed(
                "AWS::SecretsManager::RotationSchedule",
                SecretId={"Ref": "Secret"},
                HostedRotationLambda=hosted,
                RotationRules={"AutomaticallyAfterDays": days},
            ),
        }

    secrets = aws.client("secretsmanager", HOME)
    with deployed(aws, "types-secret", resources(30)):
        changed(aws, "types-secret", resources(7))
        told = secrets.describe_secret(SecretId="types-secret")
        assert (told["RotationEnabled"], told["RotationRules"]) == (True, {"AutomaticallyAfterDays": 7})
        assert told["RotationLambdaARN"].endswith(":function:rotates")
        assert "Deny" in secrets.get_resource_policy(SecretId="types-secret")["ResourcePolicy"]
        assert secrets.get_secret_value(SecretId="types-secret")["SecretString"] == '{"password": "x"}'


def test_a_listener_tells_its_weights_and_keeps_those_set_through_the_api(aws: EmbeddedAws) -> None:
    def group(name: str) -> Resources:
        return typed(
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            Name=name,
            Port=80,
            Protocol="HTTP",
            TargetType="ip",
            VpcId={"Ref": "Vpc"},
        )

    weights = [
        {"TargetGroupArn": {"Ref": "Blue"}, "Weight": 100},
        {"TargetGroupArn": {"Ref": "Green"}, "Weight": 0},
    ]
    resources = {
        **NETWORK,
        "Blue": group("types-blue"),
        "Green": group("types-green"),
        "Balancer": typed("AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=[{"Ref": "One"}, {"Ref": "Two"}]),
        "Listener": typed(
            "AWS::ElasticLoadBalancingV2::Listener",
            LoadBalancerArn={"Ref": "Balancer"},
            Port=80,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}],
        ),
    }
    elb = aws.client("elbv2", HOME)
    with deployed(aws, "types-listener", resources) as deployment:
        arn, blue, green = (deployment.resource(one) for one in ("Listener", "Blue", "Green"))

        def told() -> dict[str, int]:
            [action] = elb.describe_listeners(ListenerArns=[arn])["Listeners"][0]["DefaultActions"]
            assert "TargetGroupArn" not in action
            return {one["TargetGroupArn"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}

        assert told() == {blue: 100, green: 0}
        groups = [{"TargetGroupArn": blue, "Weight": 10}, {"TargetGroupArn": green, "Weight": 90}]
        elb.modify_listener(
            ListenerArn=arn, DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
        )
        assert told() == {blue: 10, green: 90}


def test_an_address_and_its_gateway_keep_their_ids_when_a_tag_changes(aws: EmbeddedAws) -> None:
    def resources(owner: str) -> Resources:
        tags = [{"Key": "Owner", "Value": owner}]
        return {
            **NETWORK,
            "Another": typed("AWS::EC2::EIP", Domain="vpc"),
            "Address": typed("AWS::EC2::EIP", Domain="vpc", Tags=tags),
            "Nat": typed(
                "AWS::EC2::NatGateway",
                AllocationId={"Fn::GetAtt": ["Address", "AllocationId"]},
                SubnetId={"Ref": "One"},
                Tags=tags,
            ),
        }

    with deployed(aws, "types-nat", resources("a")) as first:
        second = changed(aws, "types-nat", resources("b"))
        assert second.stacks[0].resources == first.stacks[0].resources
        ec2 = aws.client("ec2", HOME)
        [gateway] = ec2.describe_nat_gateways(NatGatewayIds=[first.resource("Nat")])["NatGateways"]
        addresses = {one["PublicIp"]: one for one in ec2.describe_addresses()["Addresses"]}
        address = addresses[first.resource("Address")]
        assert gateway["Tags"] == address["Tags"] == [{"Key": "Owner", "Value": "b"}]
        assert gateway["NatGatewayAddresses"][0]["AllocationId"] == address["AllocationId"]
    left = {one["PublicIp"] for one in aws.client("ec2", HOME).describe_addresses()["Addresses"]}
    assert not {first.resource("Address"), first.resource("Another")} & left


def test_requests_follow_the_weights_of_a_listener(aws: EmbeddedAws, tmp_path: Path) -> None:
    colours = ("blue", "green")
    bundles = {
        one: code(tmp_path, f"weights-{one}", f"def handler(event, _): return {{'statusCode': 200, 'body': '{one}'}}")
        for one in colours
    }
    shares = {one: {"Ref": f"{one.title()}Share"} for one in colours}
    groups = [{"TargetGroupArn": {"Ref": f"{one}Group"}, "Weight": shares[one]} for one in colours]
    resources: Resources = {
        **NETWORK,
        "Role": role(ANYTHING),
        "Balancer": typed("AWS::ElasticLoadBalancingV2::LoadBalancer", Subnets=[{"Ref": "One"}, {"Ref": "Two"}]),
        "Listener": typed(
            "AWS::ElasticLoadBalancingV2::Listener",
            LoadBalancerArn={"Ref": "Balancer"},
            Port=80,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        ),
    }
    for one in colours:
        resources[f"{one}Function"] = function(f"weights-{one}", bundles[one])
        resources[f"{one}Group"] = typed(
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            Name=f"weights-{one}",
            TargetType="lambda",
            Targets=[{"Id": {"Fn::GetAtt": [f"{one}Function", "Arn"]}}],
        )

    def with_shares(blue: int, green: int) -> Deployment:
        parameters = {
            "BlueShare": {"Type": "Number", "Default": blue},
            "GreenShare": {"Type": "Number", "Default": green},
        }
        outputs = {"Name": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}}}
        return deploy(
            aws, [stack("types-weights", resources, *bundles.values(), Parameters=parameters, Outputs=outputs)]
        )

    def answers(deployment: Deployment) -> set[str]:
        request = urllib.request.Request(aws.plain_endpoint, headers={"Host": deployment.output("Name")})
        told = set()
        for _ in range(40):
            with urllib.request.urlopen(request, timeout=10) as answer:
                told.add(answer.read().decode())
        return told

    assert answers(with_shares(100, 0)) == {"blue"}
    assert answers(with_shares(50, 50)) == {"blue", "green"}
    last = with_shares(0, 100)
    assert answers(last) == {"green"}
    destroy(aws, last)
