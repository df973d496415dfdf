"""Which service, operation and region an HTTP request of an AWS SDK means, and errors as that service words them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

QUERY_SERVICES = {"sns", "iam", "sts", "ec2", "cloudformation", "rds", "elasticloadbalancing"}
S3_SUBRESOURCES = (
    "policy",
    "versioning",
    "lifecycle",
    "encryption",
    "replication",
    "object-lock",
    "logging",
    "tagging",
)
S3_OBJECT = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
S3_BUCKET = {"PUT": "CreateBucket", "GET": "ListObjectsV2", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request asks for. `needs_body`: the name is in the form body and not known yet."""

    service: str
    name: str
    region: str
    needs_body: bool = False

    def named(self, name: str) -> Operation:
        """Return it with the name its body gave."""
        return replace(self, name=name, needs_body=False)


def operation_of(method: str, path: str, query: bytes, headers: Mapping[bytes, bytes]) -> Operation:
    """Read service and region from the signature, the operation from wherever the protocol puts it."""
    region, service = _scope(headers, query)
    target = headers.get(b"x-amz-target", b"").decode()
    if target:
        return Operation(service, target.rpartition(".")[2], region)
    if service == "s3":
        return Operation(service, _s3_operation(method, path, query.decode(), headers), region)
    if service == "lambda":
        return Operation(service, "Invoke" if path.endswith("/invocations") else f"{method} {path}", region)
    form = headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
    if service in QUERY_SERVICES and form:
        return Operation(service, "", region, needs_body=True)
    return Operation(service, f"{method} {path}", region)


def error_answer(asked: Operation, code: str, message: str) -> tuple[bytes, bytes]:
    """Return content type and body of an error in the service's protocol."""
    if asked.service == "s3":
        return b"application/xml", f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    if asked.service in QUERY_SERVICES:
        inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        return b"text/xml", f"<ErrorResponse>{inner}<RequestId>injected</RequestId></ErrorResponse>".encode()
    return b"application/x-amz-json-1.0", json.dumps({"__type": code, "message": message}).encode()


def _scope(headers: Mapping[bytes, bytes], query: bytes) -> tuple[str, str]:
    """Return region and service of the credential scope; empty for an unsigned request."""
    authorization = headers.get(b"authorization", b"").decode()
    _, _, credential = authorization.partition("Credential=")
    if not credential and b"X-Amz-Credential" in query:
        credential = parse_qs(query.decode())["X-Amz-Credential"][0]
    parts = credential.partition(",")[0].split("/")
    return (parts[2], parts[3]) if len(parts) >= 5 else ("", "")


def _s3_operation(method: str, path: str, query: str, headers: Mapping[bytes, bytes]) -> str:
    bucket, _, key = path.lstrip("/").partition("/")
    names = {part.partition("=")[0] for part in query.split("&") if part}
    if not bucket:
        return "ListBuckets"
    if "uploads" in names:
        return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    if "uploadId" in names:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}.get(
            method, "ListParts"
        )
    if "delete" in names:
        return "DeleteObjects"
    if "versions" in names:
        return "ListObjectVersions"
    for subresource in S3_SUBRESOURCES:
        if subresource in names:
            return f"{method} {subresource}"
    if key and method == "PUT" and b"x-amz-copy-source" in headers:
        return "CopyObject"
    return (S3_OBJECT if key else S3_BUCKET).get(method, method)
