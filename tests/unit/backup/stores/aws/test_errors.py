"""What AWS answers, as what the caller can do about it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import botocore.session
import pytest
from botocore import exceptions as sdk
from botocore.exceptions import ClientError

from holdfast.backup.stores.aws.errors import (
    ARCHIVED,
    BUGS,
    CODES,
    DAMAGED_BY_SDK,
    DENIED_BY_SDK,
    EXPIRED,
    UNAVAILABLE_BY_SDK,
    WRONG_SETTINGS,
    aws_errors,
    translation,
)
from holdfast.errors import (
    Conflict,
    HoldfastError,
    IntegrityError,
    InvalidRequest,
    NotFound,
    StoreDenied,
    StoreUnavailable,
    WrongKey,
)

OPERATIONS = {
    "s3": (
        "PutObject GetObject HeadObject HeadBucket ListObjectsV2 DeleteObject CreateMultipartUpload UploadPart "
        "CompleteMultipartUpload AbortMultipartUpload"
    ),
    "dynamodb": "GetItem PutItem BatchGetItem Query Scan UpdateItem TransactWriteItems",
    "kms": "Encrypt Decrypt",
    "sqs": ("SendMessageBatch ChangeMessageVisibility GetQueueAttributes StartMessageMoveTask ListMessageMoveTasks"),
    "sns": "Publish",
    "ssm": "GetParameter PutParameter",
    "elbv2": "DescribeRules ModifyRule ModifyListener DescribeTargetHealth",
    "rds": "DescribeDBClusters DescribeDBClusterParameters ModifyDBClusterParameterGroup",
    "dms": "DescribeReplicationTasks StartReplicationTask StopReplicationTask",
    "cloudwatch": "DescribeAlarms GetMetricData",
    "cloudformation": "DescribeStacks",
}

# What the SDK raises for a program that uses it wrongly, or for a feature that is not used here.
SDK_BUGS = {
    "AliasConflictParameterError",
    "ApiVersionNotFoundError",
    "AwsChunkedWrapperError",
    "BaseEndpointResolverError",
    "BotoCoreError",
    "DataNotFoundError",
    "EndpointVariantError",
    "InvalidChecksumConfigError",
    "InvalidDNSNameError",
    "InvalidEndpointDiscoveryConfigurationError",
    "InvalidExpressionError",
    "InvalidHostLabelError",
    "InvalidS3AddressingStyleError",
    "InvalidS3UsEast1RegionalEndpointConfigError",
    "InvalidSTSRegionalEndpointsConfigError",
    "MD5UnavailableError",
    "MissingDependencyException",
    "MissingParametersError",
    "OperationNotPageableError",
    "PaginationError",
    "ParamValidationError",
    "RangeError",
    "ServiceNotInRegionError",
    "StubAssertionError",
    "StubResponseError",
    "UnStubbedResponseError",
    "UnknownClientMethodError",
    "UnknownCredentialError",
    "UnknownEndpointError",
    "UnknownFIPSEndpointError",
    "UnknownKeyError",
    "UnknownParameterError",
    "UnknownRegionError",
    "UnknownServiceError",
    "UnknownServiceStyle",
    "UnknownSignatureVersionError",
    "UnknownTokenProviderError",
    "UnseekableStreamError",
    "UnsupportedOutpostResourceError",
    "UnsupportedS3AccesspointConfigurationError",
    "UnsupportedS3ArnError",
    "UnsupportedS3ConfigurationError",
    "UnsupportedS3ControlArnError",
    "UnsupportedS3ControlConfigurationError",
    "UnsupportedServiceProtocolsError",
    "UnsupportedSignatureVersionError",
    "ValidationError",
    "WaiterConfigError",
    "WaiterError",
}


def modelled_codes() -> Iterator[tuple[str, str]]:
    session = botocore.session.Session()
    for service, operations in OPERATIONS.items():
        model = session.get_service_model(service)
        for operation in operations.split():
            for shape in model.operation_model(operation).error_shapes:
                yield operation, shape.metadata.get("error", {}).get("code", shape.name)


def test_table_has_a_row_for_every_error_the_operations_model() -> None:
    known = {code for _, codes in CODES.values() for code in codes} | EXPIRED | ARCHIVED | BUGS
    assert {(operation, code) for operation, code in modelled_codes() if code not in known} == set()


def test_no_code_is_in_two_rows() -> None:
    rows = [*(codes for _, codes in CODES.values()), EXPIRED, ARCHIVED, BUGS]
    assert sum(map(len, rows)) == len(set().union(*rows))


def test_every_exception_of_the_sdk_is_translated_or_named_as_a_bug() -> None:
    rows = (*DENIED_BY_SDK, *DAMAGED_BY_SDK, *UNAVAILABLE_BY_SDK, *WRONG_SETTINGS)
    classes = [
        found
        for _, found in inspect.getmembers(sdk, inspect.isclass)
        if issubclass(found, sdk.BotoCoreError) and not issubclass(found, rows)
    ]
    assert {found.__name__ for found in classes} == SDK_BUGS


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ProvisionedThroughputExceededException", StoreUnavailable),
        ("SlowDown", StoreUnavailable),
        ("ConditionalRequestConflict", StoreUnavailable),
        ("ExpiredToken", StoreDenied),
        ("AccessDenied", StoreDenied),
        ("KMSInvalidStateException", StoreDenied),
        ("NoSuchBucket", NotFound),
        ("404", NotFound),
        ("412", Conflict),
        ("InvalidCiphertextException", WrongKey),
        ("BadDigest", IntegrityError),
        ("PermanentRedirect", InvalidRequest),
    ],
)
def test_code_becomes_what_the_caller_can_do(code: str, kind: type[HoldfastError]) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "a\nb."}}, "PutObject")
    with pytest.raises(kind) as raised, aws_errors("S3 PutObject of s3://bucket/key"):
        raise error
    assert raised.value.__cause__ is error
    assert str(raised.value).startswith(f"S3 PutObject of s3://bucket/key failed: {code}: a b; ")
    assert "\n" not in str(raised.value)


def test_expired_credentials_are_told_to_be_renewed() -> None:
    error = ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "old"}}, "GetItem")
    assert str(translation(error, "DynamoDB GetItem in t")).endswith("renew the credentials")


def test_a_bug_keeps_its_own_type() -> None:
    with pytest.raises(ClientError), aws_errors("DynamoDB Query in t"):
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "bad"}}, "Query")


def test_a_lost_connection_can_be_retried() -> None:
    with pytest.raises(StoreUnavailable) as raised, aws_errors("S3 GetObject of s3://b/k"):
        raise sdk.EndpointConnectionError(endpoint_url="https://s3.example")
    assert raised.value.retryable
