from __future__ import annotations

import json

import pytest

from tests.platforms.conftest import Stacks, Synthesis
from tests.platforms.reading import Template, as_list, meets, policy_documents, statement

ROLES = ("initiator", "worker", "restore", "verify", "prune", "create", "replica-key")
NETWORKED = ("initiator", "worker", "restore", "verify", "prune")
DESTRUCTIVE = (
    "s3:Delete",
    "dynamodb:Delete",
    "dynamodb:PartiQLDelete",
    "kms:ScheduleKeyDeletion",
    "kms:Disable",
    "sqs:Purge",
    "s3:PutBucket",
)


@meets("BS-42")
@pytest.mark.parametrize("role", ROLES)
def test_function_has_a_role_of_its_own_with_the_lambda_basics(primary: Template, role: str) -> None:
    arn = primary.function(role)["Role"]
    assert [one["FunctionName"] for one in primary.of("AWS::Lambda::Function", Role=arn)] == [f"backup-{role}-dev"]
    found = next(one for one in primary.of("AWS::IAM::Role") if arn == f"{{{one.id}.Arn}}")
    assert found["AssumeRolePolicyDocument.Statement"] == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    ]
    basics = ["AWSLambdaBasicExecutionRole", *(["AWSLambdaVPCAccessExecutionRole"] if role in NETWORKED else [])]
    assert [arn.rpartition("/")[2] for arn in found["ManagedPolicyArns"]] == basics


@meets("BS-43")
def test_roles_name_buckets_tables_keys_queues_and_topic(primary: Template) -> None:
    needed = {
        "worker": {
            "s3:GetObject",
            "s3:PutObject",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "sqs:ReceiveMessage",
            "sns:Publish",
        },
        "initiator": {"s3:ListBucket", "dynamodb:Query", "sqs:SendMessage", "sns:Publish", "kms:GenerateDataKey"},
        "create": {"kms:Encrypt", "s3:PutObject"},
    }
    for role, actions in needed.items():
        assert actions <= primary.actions(role), role
    rows = statement(primary.rights("worker"), "UseRows")["Resource"]
    tables = {f"{{{one.id}.Arn}}" for one in primary.of("AWS::DynamoDB::Table")}
    assert set(rows) == tables | {f"{arn}/index/*" for arn in tables}
    both_keys = statement(primary.rights("create"), "WrapMasterKey")["Resource"]
    assert set(both_keys) == {f"{{{primary.one('AWS::KMS::Key').id}.Arn}}", "{ReplicaKey.KeyArn}"}


@meets("BS-43")
@pytest.mark.parametrize("role", ROLES)
def test_no_right_is_on_a_wildcard(primary: Template, role: str) -> None:
    for one in primary.rights(role):
        assert one["Effect"] == "Allow"
        for resource in as_list(one["Resource"]):
            # The only stars are objects below a named prefix of a named bucket, and indexes of a named table.
            assert resource.partition("*")[0].endswith(("/", "/index/", "/backups/", "/users/")) or "*" not in resource
            assert not resource.startswith("*")
        assert not [action for action in as_list(one["Action"]) if "*" in action]


def test_no_identity_policy_anywhere_is_on_every_resource(stacks: Stacks) -> None:
    for template in (stacks.primary, stacks.replica):
        for id_, one in policy_documents(template):
            if one.get("Principal") is None:
                assert "*" not in as_list(one["Resource"]), id_


@meets("BS-44")
def test_initiator_deletes_nothing_and_scans_nothing(primary: Template) -> None:
    actions = primary.actions("initiator")
    assert not actions & {"s3:DeleteObject", "dynamodb:Scan", "dynamodb:DeleteItem", "s3:PutObject", "s3:GetObject"}


@meets("BS-36", "BS-44")
@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("prune", "worker")])
def test_nobody_else_holds_a_destructive_right(primary: Template, role: str) -> None:
    assert not [action for action in primary.actions(role) if action.startswith(DESTRUCTIVE)]


@meets("BS-36")
def test_worker_deletes_nothing_but_rows_of_its_own_lease(primary: Template) -> None:
    rights = primary.rights("worker")
    destructive = [one for one in rights if any(a.startswith(DESTRUCTIVE) for a in as_list(one["Action"]))]
    assert destructive == [
        {
            "Sid": "EndOwnLease",
            "Effect": "Allow",
            "Action": "dynamodb:DeleteItem",
            "Resource": f"{{{primary.one('AWS::DynamoDB::Table', TableName='backup-metadata-dev').id}.Arn}}",
            "Condition": {
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["active#*"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        }
    ]


@meets("BS-36")
def test_prune_deletes_objects_of_the_repository_and_no_version(primary: Template) -> None:
    deleting = [one for one in primary.rights("prune") if "s3:DeleteObject" in as_list(one["Action"])]
    repository = f"{{{primary.bucket('backup-primary-').id}.Arn}}/backups"
    assert [one["Resource"] for one in deleting] == [[f"{repository}/packs/*", f"{repository}/snapshots/*"]]


@meets("BS-36")
@pytest.mark.parametrize(("role", "folders"), [("worker", ["packs", "snapshots"]), ("prune", ["packs"])])
def test_nobody_but_the_creator_writes_config_or_keys(primary: Template, role: str, folders: list[str]) -> None:
    repository = f"{{{primary.bucket('backup-primary-').id}.Arn}}/backups"
    written = [one["Resource"] for one in primary.rights(role) if "s3:PutObject" in as_list(one["Action"])]
    assert [as_list(one) for one in written] == [[f"{repository}/{folder}/*" for folder in folders]]


@meets("BS-36")
def test_nobody_may_delete_a_version_or_lift_a_lock(stacks: Stacks) -> None:
    forbidden = {"s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:*"}
    for template in (stacks.primary, stacks.replica):
        for id_, one in policy_documents(template):
            # An endpoint's policy widens nobody's rights; it only lets through.
            if one["Effect"] == "Allow" and not id_.startswith("Network"):
                assert not forbidden & set(as_list(one["Action"])), id_


@meets("BS-45")
def test_initiator_has_its_time_memory_network_and_retries(primary: Template) -> None:
    function = primary.function("initiator")
    assert (function["Timeout"], function["MemorySize"]) == (300, 512)
    assert len(function["VpcConfig.SubnetIds"]) == 2
    retries = primary.one("AWS::Lambda::EventInvokeConfig", FunctionName=f"{{{function.id}}}")
    assert retries["MaximumRetryAttempts"] == 2


@meets("BS-46", "BS-05", "BS-49")
def test_initiator_knows_queue_table_limit_and_topic(primary: Template) -> None:
    variables = primary.function("initiator")["Environment.Variables"]
    assert {name: variables[name] for name in ("BACKUP_QUEUE_URL", "METADATA_TABLE", "NOTIFICATION_TOPIC_ARN")} == {
        "BACKUP_QUEUE_URL": f"{{{primary.one('AWS::SQS::Queue', QueueName='backup-queue-dev').id}}}",
        "METADATA_TABLE": f"{{{primary.one('AWS::DynamoDB::Table', TableName='backup-metadata-dev').id}}}",
        "NOTIFICATION_TOPIC_ARN": f"{{{primary.one('AWS::SNS::Topic').id}}}",
    }
    assert variables["MAX_CONCURRENT_BACKUPS"] == "10"


@meets("BS-50", "BS-51", "BS-52", "BS-53", "BS-54")
def test_initiator_may_find_users_queue_them_and_tell(primary: Template) -> None:
    """The template's half of what the initiator does; what it does with it is proved on the handler."""
    variables = primary.function("initiator")["Environment.Variables"]
    source = primary.bucket("backup-source-")["BucketName"]
    assert variables["HOLDFAST_SOURCE_BUCKET"] == source
    assert (variables["HOLDFAST_SOURCE_PREFIX"], variables["HOLDFAST_PRIORITY_USERS"]) == ("users/", "100")
    rights = primary.rights("initiator")
    assert statement(rights, "ListUsers")["Resource"] == f"arn:aws:s3:::{source}"
    queue = primary.one("AWS::SQS::Queue", QueueName="backup-queue-dev")
    assert statement(rights, "Queue")["Resource"] == f"{{{queue.id}.Arn}}"
    assert statement(rights, "Tell")["Resource"] == f"{{{primary.one('AWS::SNS::Topic').id}}}"


def test_users_table_is_known_and_readable_only_when_there_is_one(synthesis: Synthesis, primary: Template) -> None:
    assert "HOLDFAST_USERS_TABLE" not in primary.function("initiator")["Environment.Variables"]
    template = synthesis(vault={"users_table": "customers"}).primary
    assert template.function("initiator")["Environment.Variables.HOLDFAST_USERS_TABLE"] == "customers"
    read = statement(template.rights("initiator"), "ReadUsers")
    assert read["Resource"].endswith(":table/customers")


@meets("BS-47")
def test_every_function_runs_on_a_supported_python(primary: Template) -> None:
    functions = primary.of("AWS::Lambda::Function")
    assert len(functions) == len(ROLES)
    assert {one["Runtime"] for one in functions} == {"python3.13"}
    assert {tuple(one["Architectures"]) for one in functions} == {("arm64",)}
    assert all(one["Handler"].startswith("holdfast.vault.") for one in functions)


def test_cdk_brings_no_function_of_its_own(stacks: Stacks) -> None:
    assert stacks.replica.of("AWS::Lambda::Function") == []
    assert {one["Code"]["S3Key"] for one in stacks.primary.of("AWS::Lambda::Function")} == {
        stacks.primary.function("worker")["Code.S3Key"]
    }


@meets("BS-48")
@pytest.mark.parametrize("role", ROLES)
def test_function_logs_into_a_group_that_goes_with_the_stack(primary: Template, role: str) -> None:
    group = primary.one("AWS::Logs::LogGroup", LogGroupName=f"/aws/lambda/backup-{role}-dev")
    assert group["RetentionInDays"] == 30
    assert group.raw["DeletionPolicy"] == "Delete"
    assert primary.function(role)["LoggingConfig.LogGroup"] == f"{{{group.id}}}"


@meets("BS-56", "BS-05")
def test_worker_takes_the_queue_within_the_limit_and_reports_partial_failures(primary: Template) -> None:
    mapping = primary.one("AWS::Lambda::EventSourceMapping")
    queue = primary.one("AWS::SQS::Queue", QueueName="backup-queue-dev")
    worker = primary.function("worker")
    assert mapping["EventSourceArn"] == f"{{{queue.id}.Arn}}"
    assert mapping["FunctionName"] == f"{{{worker.id}}}"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert queue["VisibilityTimeout"] >= 6 * worker["Timeout"]


@meets("BS-56", "BS-57", "BS-58")
def test_worker_knows_repository_tables_key_and_source(primary: Template) -> None:
    variables = primary.function("worker")["Environment.Variables"]
    assert variables["HOLDFAST_REPOSITORY_BUCKET"] == f"{{{primary.bucket('backup-primary-').id}}}"
    assert variables["HOLDFAST_REPOSITORY_PREFIX"] == "backups/"
    assert variables["HOLDFAST_KEY_ARN"] == f"{{{primary.one('AWS::KMS::Key').id}.Arn}}"
    assert variables["HOLDFAST_SOURCE_PREFIX"] == "users/"
    assert variables["DEDUPLICATION_TABLE"].startswith("{Deduplication")


@meets("BS-59")
def test_restore_reads_the_repository_and_writes_only_where_files_wait(primary: Template) -> None:
    written = [one for one in primary.rights("restore") if "s3:PutObject" in as_list(one["Action"])]
    assert [one["Resource"] for one in written] == [f"{{{primary.bucket('backup-restore-').id}.Arn}}/*"]
    assert primary.outputs["RestoreFunctionName"]["Value"] == f"{{{primary.function('restore').id}}}"


def test_repository_is_created_once_with_a_slot_for_each_key(primary: Template) -> None:
    repository = primary.one("Custom::BackupRepository")
    assert repository["ServiceToken"] == f"{{{primary.function('create').id}.Arn}}"
    assert repository["Prefix"] == "backups/"
    assert repository["KeyArn"] == f"{{{primary.one('AWS::KMS::Key').id}.Arn}}"
    assert repository["ReplicaKeyArn"] == "{ReplicaKey.KeyArn}"
    assert primary.function("create").get("VpcConfig") is None


def test_a_function_knows_nothing_it_does_not_use(primary: Template) -> None:
    named = {role: set(primary.function(role).get("Environment.Variables") or {}) for role in ROLES}
    assert "HOLDFAST_RETENTION_DAYS" not in named["worker"]
    assert "HOLDFAST_SOURCE_BUCKET" not in named["prune"]
    assert named["replica-key"] == set()
    # A role without any right on a table has no business knowing its name.
    for role in ROLES:
        rights = json.dumps(primary.rights(role))
        assert ("DEDUPLICATION_TABLE" in named[role]) is ("{Deduplication" in rights), role
