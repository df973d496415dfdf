"""Every private name of MiniStack that the extension touches is there and takes what it took; upgrades fail here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

import pytest

from holdfast.rehearsal import embedded

pytestmark = pytest.mark.emulator

MINISTACK_VERSION = "1.5.33"
FUNCTIONS = {
    "services.dynamodb._evaluate_condition": "expr, item, attr_values, attr_names, slot",
    "services.cloudformation.provisioners._cw_metric_alarm_record": "name, props",
    "services.cloudwatch._cbor_alarm": "alarm",
    "services.backup._get_vault_access_policy": "vault_name",
    "services.backup._get_vault_notifications": "vault_name",
    "services.backup._ok": "body",
    "services.backup._vault_arn": "name",
    "services.ec2._p": "params, key, default",
    "services.alb._action_xml": "a",
    "services.alb._execute_actions": "actions, method, path, headers, body, query_params, "
    "listener_port, lb_arn, target_host, raw_query_string, raw_path",
    "services.alb._p": "params, key, default",
    "services.alb._parse_actions": "params, prefix",
    "services.cloudformation.provisioners._elbv2_listener_actions": "props, lb_arn, prop",
    "services.rds._cluster_xml": "c",
    "services.rds._error": "code, message, status",
    "services.rds._instance_xml": "i",
    "services.rds._p": "params, key, default",
    "services.rds._xml": "status, root_tag, inner",
    "services.secretsmanager._resolve": "secret_id, use_arn_scope",
    "services.s3._apply_object_lock_from_headers": "bucket_name, key, headers, version_id",
    "services.s3._in_account": "account_id",
    "services.s3._maybe_replicate": "bucket_name, key, obj, data, tags",
    "services.s3._maybe_replicate_delete_marker": "bucket_name, key",
    "services.s3._read_body": "bucket_name, key, obj",
    "services.s3._record_object_version": "bucket_name, key, prior_obj, obj, data",
    "services.s3._replication_rule_for": "bucket_name, key, tags",
    "services.s3._version_body": "bucket, bucket_name, key, v",
    "services.s3.bucket_region": "name",
    "services.sqs._queue_by_arn": "arn",
    "services.sts.register_session": "access_key, session",
    "services.lambda_svc._execute_function_warm": "func, event, request_id",
    "services.lambda_svc._execution_record_for_config": "func, config",
    "services.lambda_svc._get_func_record_for_ref": "function_ref",
    "services.lambda_svc._iter_all_esms": "",
    "services.lambda_svc.invalidate_worker": "func_name, qualifier, account, region",
    "services.lambda_svc.invoke_async_with_retry": "func, event",
    "core.lambda_runtime._account_region_from_function_config": "config",
    "core.lambda_runtime.execution_credentials": "config",
    "core.lambda_runtime.reset": "",
    "services.eventbridge._dispatch_to_lambda": "arn, payload",
    "services.eventbridge._invoke_target": "target, event, rule, view",
    "services.eventbridge._rule_key": "rule_name, bus_name",
    "services.eventbridge.start_scheduler": "",
    "services.scheduler.start_scheduler": "",
    "services.cloudformation.stacks._runs_on_worker_thread": "resource_type",
    "services.ec2._vpce_fields_xml": "ep, tag",
    "core.iam_evaluator.enforce": "access_key_id, iam_action, service, region, resource_arn, service_context",
    "core.responses.AccountRegionScopedDict": "",
    "core.responses.AccountScopedDict": "",
    "core.responses.get_account_id": "",
    "core.responses.get_region": "",
    "core.responses.set_request_account_id": "access_key_id",
    "core.responses.set_request_region": "region",
    "core.responses.new_uuid": "",
}
STORES = {
    "services.alb._tgs": "AccountRegionScopedDict",
    "services.backup._vaults": "AccountRegionScopedDict",
    "services.ec2._flow_logs": "AccountRegionScopedDict",
    "services.dynamodb._tables": "AccountRegionScopedDict",
    "services.dynamodb._contributor_insights": "AccountRegionScopedDict",
    "services.ec2._ACTION_MAP": "dict",
    "services.ec2._nat_gateways": "AccountRegionScopedDict",
    "services.ecs._services": "AccountRegionScopedDict",
    "services.ecs._tags": "AccountScopedDict",
    "services.ecs._task_defs": "AccountRegionScopedDict",
    "services.rds._ACTION_MAP": "dict",
    "services.rds._clusters": "AccountRegionScopedDict",
    "services.rds._instances": "AccountRegionScopedDict",
    "services.rds._tags": "AccountScopedDict",
    "services.cloudformation._stacks": "AccountRegionScopedDict",
    "services.cloudformation.provisioners._RESOURCE_HANDLERS": "dict",
    "services.eventbridge._rules": "AccountRegionScopedDict",
    "services.eventbridge._targets": "AccountRegionScopedDict",
    "services.lambda_svc._functions": "AccountRegionScopedDict",
    "services.s3._bucket_replication": "AccountScopedDict",
    "services.s3._object_legal_hold": "AccountScopedDict",
    "services.s3._object_retention": "AccountScopedDict",
    "services.s3._object_tags": "AccountScopedDict",
    "services.s3._object_versions": "AccountScopedDict",
    "services.sqs._Err": "type",
    "services.sqs._HANDLERS": "dict",
    "services.sqs._queues_lock": "lock",
    "app.AUTH": "bool",
    "core.concurrency.esm_wake": "Event",
}
# Importing MiniStack sets up logging and patches its server: it must not happen in this process.
LOOK = """
    import importlib, inspect, json, sys
    functions, stores = json.load(sys.stdin)
    def named(path):
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module("ministack." + module), name, None)
    signature = lambda it: ", ".join(inspect.signature(it).parameters) if it else None
    json.dump([{path: signature(named(path)) for path in functions},
               {path: type(named(path)).__name__ for path in stores}], sys.stdout)
"""


def test_the_version_is_the_one_the_pack_was_written_for() -> None:
    assert version("ministack") == MINISTACK_VERSION


def test_every_name_is_there_and_takes_what_it_took(tmp_path: Path) -> None:
    looked = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOOK)],
        input=json.dumps([list(FUNCTIONS), list(STORES)]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "STATE_DIR": str(tmp_path), "S3_DATA_DIR": str(tmp_path), "TMPDIR": str(tmp_path)},
    )
    functions, stores = json.loads(looked.stdout)
    assert functions == FUNCTIONS
    assert stores == STORES


def test_the_extension_touches_no_other_name_and_nobody_else_touches_any() -> None:
    source = Path(embedded.__file__).parents[2]
    extension = Path(embedded.__file__).parent / "extension"
    touching = {
        path
        for path in source.rglob("*.py")
        if re.search(r"^\s*(from|import) ministack", path.read_text(), re.MULTILINE)
    }
    assert {path.parent for path in touching} == {extension}

    known = {path.rpartition(".")[2] for path in (*FUNCTIONS, *STORES)}
    private = {
        name
        for path in touching
        for name in re.findall(
            r"\b(?:alb|backup|cloudwatch|dynamodb|ecs|rds|secretsmanager|s3|sqs|sts|ec2|cloudformation|provisioners|stacks|eventbridge|lambda_svc|lambda_runtime)\.(_\w+)",
            path.read_text(),
        )
    }
    assert private - known == set()
