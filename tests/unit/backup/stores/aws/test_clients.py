from __future__ import annotations

import gc
import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import UnknownServiceError

from holdfast.backup.stores.aws.clients import UNASKED_BYTES, Clients

MODEL = "data/dynamodb/2012-08-10/service-2.json.gz"


class _Stopped(Exception):
    """In place of a request."""


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def headers_sent(operation: str, body: bytes) -> dict[str, Any]:
    """Return the headers of a put that goes no further, with their names in small letters."""
    sent: list[dict[str, Any]] = []

    def stop(request: Any, **_: Any) -> None:
        sent.append({name.lower(): value for name, value in request.headers.items()})
        raise _Stopped

    clients = Clients()
    client: Any = clients.s3()
    client.meta.events.register("before-send.s3", stop)
    part = {"PartNumber": 1, "UploadId": "upload"} if operation == "upload_part" else {}
    with pytest.raises(_Stopped):
        getattr(client, operation)(Bucket="bucket", Key="key", Body=body, **part)
    clients.close()
    return sent[0]


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("operation", ["put_object", "upload_part"])
def test_whatever_is_put_carries_a_checksum_even_where_the_environment_asks_for_none(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    assert (
        headers_sent(operation, b"body").get("x-amz-trailer") == b"x-amz-checksum-crc32"
    )  # over TLS it follows the bytes


def test_a_description_of_a_service_in_a_folder_that_the_settings_name_comes_before_the_sdks_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OURS", str(tmp_path))
    monkeypatch.setenv("AWS_DATA_PATH", "$OURS")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    known = json.loads(gzip.decompress((Path(botocore.__file__).parent / MODEL).read_bytes()))
    known["metadata"]["serviceId"] = "Ours"
    folder = tmp_path / "dynamodb" / "2012-08-10"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(known))
    clients = Clients()
    assert clients.dynamodb().meta.service_model.service_id == "Ours"
    assert clients.s3().meta.service_model.service_id == "S3"
    clients.close()


def test_a_service_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownServiceError, match="Unknown service: 'nonsense'"):
        Clients()("nonsense", "us-east-1")


def test_garbage_is_collected_again_after_a_client_was_made() -> None:
    Clients()("s3", "us-east-1")
    assert gc.isenabled()


@pytest.mark.usefixtures("credentials")
def test_only_before_a_large_body_s3_is_asked_whether_it_would_take_it() -> None:
    assert "expect" not in headers_sent("put_object", bytes(UNASKED_BYTES))
    assert headers_sent("put_object", bytes(UNASKED_BYTES + 1))["expect"] == b"100-continue"
