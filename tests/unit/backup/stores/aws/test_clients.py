from __future__ import annotations

from typing import Any

import pytest

from holdfast.backup.stores.aws.clients import Clients


class _Stopped(Exception):
    """In place of a request."""


@pytest.mark.parametrize("operation", ["put_object", "upload_part"])
def test_whatever_is_put_carries_a_checksum_even_where_the_environment_asks_for_none(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    sent: list[dict[str, Any]] = []

    def stop(request: Any, **_: Any) -> None:
        sent.append({name.lower(): value for name, value in request.headers.items()})
        raise _Stopped

    clients = Clients()
    client: Any = clients.s3()
    client.meta.events.register("before-send.s3", stop)
    part = {"PartNumber": 1, "UploadId": "upload"} if operation == "upload_part" else {}
    with pytest.raises(_Stopped):
        getattr(client, operation)(Bucket="bucket", Key="key", Body=b"body", **part)
    clients.close()
    assert sent[0].get("x-amz-trailer") == b"x-amz-checksum-crc32"  # over TLS it follows the bytes
