"""Schedules fire when the rehearsal says so, and a rule's Lambda target is invoked asynchronously, with its retries.

Nothing fires by the wall clock: a rehearsal that runs at 02:00 must not start a second backup of its own. MiniStack
runs a rule's Lambda target once and forgets it; AWS queues the event, so the function's own retries and on-failure
destination apply.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import new_uuid, set_request_account_id, set_request_region
from ministack.services import eventbridge, lambda_svc, scheduler

_lost_regions: set[str] = set()


def install() -> None:
    """Stop the clocks, queue Lambda targets, and let event source mappings rest where a region is lost."""
    eventbridge.start_scheduler = lambda: None
    scheduler.start_scheduler = lambda: None
    eventbridge._dispatch_to_lambda = invoke_later
    mappings = lambda_svc._iter_all_esms

    def living_mappings() -> Iterator[tuple[str, str, dict[str, Any]]]:
        return (mapping for mapping in mappings() if mapping[1] not in _lost_regions)

    lambda_svc._iter_all_esms = living_mappings


def invoke_later(arn: str, payload: str) -> None:
    """Queue an asynchronous invocation; the function's retries and on-failure destination apply."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if function is None or config is None:
        raise LookupError(f"a rule's target {arn} does not exist")
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


def fire(rule_name: str, region: str, account: str, at: float | None = None) -> int:
    """Send a rule's scheduled event, bearing the time `at`, to its targets now; return how many there are."""
    set_request_account_id(account)
    set_request_region(region)
    key = eventbridge._rule_key(rule_name, "default")
    rule = eventbridge._rules.get(key)
    if rule is None or rule["State"] != "ENABLED":
        return 0
    event = {
        "EventId": new_uuid(),
        "Source": "aws.events",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "EventBusName": "default",
        "Time": time.time() if at is None else at,
        "Resources": [rule["Arn"]],
        "Account": account,
        "Region": region,
    }
    targets = eventbridge._targets.get(key, [])
    for target in targets:
        eventbridge._invoke_target(target, event, rule)
    return len(targets)


def stop_polling(region: str) -> None:
    """Let no event source of a lost region invoke anything."""
    _lost_regions.add(region)


def resume_polling(region: str) -> None:
    """Poll its event sources again."""
    _lost_regions.discard(region)
