from __future__ import annotations

from holdfast.platforms.constructs.alarms import Alarms
from holdfast.platforms.constructs.database_alarms import (
    DatabaseEvents,
    above,
    below,
    instance,
    readers_of,
    whole,
    writer_of,
)
from holdfast.platforms.constructs.topic import NoticeTopic
from tests.platforms.constructs.cluster import Bench, synthesized
from tests.platforms.reading import Resource, Template, statement


def watched() -> Template:
    def wire(bench: Bench) -> None:
        topic = NoticeTopic(
            bench, "Topic", name="orders-alarms-dev", display_name="Orders", key=bench.key, emails=["ops@example.com"]
        ).topic
        database = bench.database
        DatabaseEvents(
            bench,
            "Events",
            topic=topic,
            name="orders-dev",
            cluster=database.cluster_id,
            instances=database.instance_ids,
        )
        alarms = Alarms(bench, "Alarms", topic=topic, prefix="orders", suffix="dev")
        cpu = above("CPUUtilization", writer_of(database.cluster_id), 80, silence_is_wrong=True)
        alarms.add("Cpu", "cpu", "The writer is busy.", cpu)
        alarms.add(
            "Lag", "lag", "A reader is behind.", above("AuroraReplicaLag", readers_of(database.cluster_id), 1000)
        )
        alarms.add("Memory", "memory", "Little memory.", below("FreeableMemory", instance(database.instance_ids[0]), 1))
        volume = above("VolumeBytesUsed", whole(database.cluster_id), 5, statistic="Average", or_equal=True)
        alarms.add("Volume", "volume", "The volume grows.", volume)

    return synthesized(wire)


def alarm(template: Template, name: str) -> Resource:
    return template.one("AWS::CloudWatch::Alarm", AlarmName=f"orders-{name}-dev")


def dimensions(template: Template, name: str) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in alarm(template, name)["Dimensions"]}


def test_alarm_names_a_role_or_an_instance_by_reference() -> None:
    template = watched()
    cluster = f"{{{template.one('AWS::RDS::DBCluster').id}}}"
    assert dimensions(template, "cpu") == {"DBClusterIdentifier": cluster, "Role": "WRITER"}
    assert dimensions(template, "lag") == {"DBClusterIdentifier": cluster, "Role": "READER"}
    assert dimensions(template, "memory") == {
        "DBInstanceIdentifier": f"{{{template.of('AWS::RDS::DBInstance')[0].id}}}"
    }
    assert dimensions(template, "volume") == {"DBClusterIdentifier": cluster}


def test_silence_of_the_writer_rings_and_extremes_are_watched() -> None:
    template = watched()
    cpu, memory, volume = (alarm(template, name) for name in ("cpu", "memory", "volume"))
    assert (cpu["TreatMissingData"], cpu["Statistic"], cpu["EvaluationPeriods"]) == ("breaching", "Maximum", 2)
    assert cpu["ComparisonOperator"] == "GreaterThanThreshold"
    assert (memory["Statistic"], memory["ComparisonOperator"]) == ("Minimum", "LessThanThreshold")
    assert memory["TreatMissingData"] == "notBreaching"
    assert (volume["Statistic"], volume["ComparisonOperator"]) == ("Average", "GreaterThanOrEqualToThreshold")


def test_rds_may_tell_the_encrypted_topic_of_this_accounts_events() -> None:
    template = watched()
    topic = template.one("AWS::SNS::TopicPolicy")
    allowed = statement(topic["PolicyDocument.Statement"], "AllowDatabaseEvents")
    assert allowed["Principal"] == {"Service": "events.rds.amazonaws.com"}
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "{AWS::AccountId}"}}
    key = statement(template.one("AWS::KMS::Key")["KeyPolicy.Statement"], "AllowDatabaseEvents")
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    for one in template.of("AWS::RDS::EventSubscription"):
        assert topic.id in one.raw["DependsOn"]


def test_cluster_and_every_instance_are_subscribed_to() -> None:
    template = watched()
    cluster, instances = template.of("AWS::RDS::EventSubscription")
    assert cluster["SourceIds"] == [f"{{{template.one('AWS::RDS::DBCluster').id}}}"]
    assert instances["SourceIds"] == [f"{{{one.id}}}" for one in template.of("AWS::RDS::DBInstance")]
    assert {"failover", "failure"} <= set(cluster["EventCategories"]) & set(instances["EventCategories"])
