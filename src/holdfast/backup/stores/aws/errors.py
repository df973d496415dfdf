"""One table from what AWS answers to what the caller can do about it; what is in no row keeps rising."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as sdk

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

_LATER = "try again later"
_RENEW = "renew the credentials"
_THAW = "it is archived: `holdfast restore --thaw standard`, or `bulk`, waits for it, and --plan tells what that takes"

# fmt: off
_UNAVAILABLE = {
    "500", "502", "503", "504", "ConditionalRequestConflict", "DependencyTimeoutException", "HealthUnavailable",
    "InternalError", "InternalErrorException", "InternalFailure", "InternalServerError", "KMSInternalException",
    "KMSThrottling", "KMSThrottlingException", "KeyUnavailableException", "KmsThrottled", "LimitExceededException",
    "OperationAborted", "OverLimit", "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException", "RequestLimitExceeded", "RequestThrottled", "RequestTimeout",
    "RequestTimeoutException", "ServiceUnavailable", "ServiceUnavailableException", "SlowDown", "Throttled",
    "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException", "TooManyUpdates",
    "TransactionInProgressException",
}
_REFUSED = {
    "401", "403", "AccessDenied", "AccessDeniedException", "AccessDeniedFault", "AllAccessDisabled", "AuthFailure",
    "AuthorizationError", "AuthorizationErrorException", "DisabledException", "InvalidAccessKeyId",
    "InvalidSecurity", "KMSAccessDenied", "KMSAccessDeniedException", "KMSDisabled",
    "KMSDisabledException", "KMSInvalidState", "KMSInvalidStateException", "KMSOptInRequired", "KmsAccessDenied",
    "KmsDisabled", "KmsInvalidState", "KmsOptInRequired", "NotSignedUp", "OptInRequired", "RequestExpired",
    "RequestTimeTooSkewed", "SignatureDoesNotMatch", "UnrecognizedClientException",
}
_MISSING = {
    "404", "AWS.SimpleQueueService.NonExistentQueue", "DBClusterNotFoundFault", "DBParameterGroupNotFound",
    "KMSNotFound", "KMSNotFoundException", "KmsNotFound", "ListenerNotFound", "NoSuchBucket", "NoSuchKey",
    "NoSuchUpload", "NotFound", "NotFoundException", "ParameterNotFound", "ParameterVersionNotFound",
    "QueueDoesNotExist", "ResourceNotFoundException", "ResourceNotFoundFault", "RuleNotFound",
    "TableNotFoundException", "TargetGroupNotFound",
}
_CONFLICTING = {
    "409", "412", "ConditionalCheckFailedException", "IdempotentParameterMismatchException",
    "InvalidDBParameterGroupState", "InvalidResourceStateFault", "MessageNotInflight",
    "PreconditionFailed", "ReceiptHandleIsInvalid", "ResourceInUseException", "TransactionCanceledException",
    "TransactionConflictException",
}
_ELSEWHERE = {"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}

CODES: dict[type[HoldfastError], tuple[str, set[str]]] = {
    StoreUnavailable: (_LATER, _UNAVAILABLE),
    StoreDenied: ("check the credentials and the policies of role, bucket and key", _REFUSED),
    NotFound: ("check its name and region", _MISSING),
    Conflict: ("look again, then try again", _CONFLICTING),
    WrongKey: ("open it with the key that made it", {"IncorrectKeyException", "InvalidCiphertextException"}),
    IntegrityError: ("bytes were damaged on their way, not stored", {"BadDigest", "XAmzContentSHA256Mismatch"}),
    InvalidRequest: ("use the region that holds it", _ELSEWHERE),
}

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidToken", "TokenRefreshRequired"}
"""Credentials that were good once; StoreDenied, with other advice."""

ARCHIVED = {"InvalidObjectState"}
"""An object that must be thawed first; StoreDenied, with other advice."""

BUGS = {
    "ALPNPolicyNotFound", "BatchEntryIdsNotDistinct", "BatchRequestTooLong", "CertificateNotFound",
    "DryRunOperationException", "DuplicateListener", "EmptyBatchRequest", "EncryptionTypeMismatch", "EndpointDisabled",
    "HierarchyLevelLimitExceededException", "HierarchyTypeMismatchException", "IncompatiblePolicyException",
    "IncompatibleProtocols", "InvalidAddress", "InvalidAllowedPatternException", "InvalidArnException",
    "InvalidAttributeName", "InvalidBatchEntryId", "InvalidConfigurationRequest", "InvalidEndpointException",
    "InvalidGrantTokenException", "InvalidIdFormat", "InvalidKeyId", "InvalidKeyUsageException",
    "InvalidLoadBalancerAction", "InvalidMessageContents", "InvalidNextToken", "InvalidParameter",
    "InvalidPolicyAttributeException", "InvalidPolicyTypeException", "InvalidRequest", "InvalidSecurityException",
    "InvalidTarget", "InvalidWriteOffset", "ItemCollectionSizeLimitExceededException", "KmsInvalidKeyUsage",
    "OperationNotPermitted", "ParameterAlreadyExists", "ParameterLimitExceeded", "ParameterMaxVersionLimitExceeded",
    "ParameterPatternMismatchException", "ParameterValueInvalid", "PlatformApplicationDisabled",
    "PoliciesLimitExceededException", "SSLPolicyNotFound", "TargetGroupAssociationLimit", "TooManyActions",
    "TooManyCertificates", "TooManyEntriesInBatchRequest", "TooManyListeners", "TooManyParts",
    "TooManyRegistrationsForTargetId", "TooManyTargets", "TooManyUniqueTargetGroupsPerLoadBalancer",
    "TrustStoreNotFound", "TrustStoreNotReady", "UnsupportedOperation", "UnsupportedParameterType",
    "UnsupportedProtocol", "ValidationException",
}
"""What a right program in a right stack never meets: left to rise as it is, with its own traceback."""
# fmt: on

DENIED_BY_SDK = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.SSOError,
    sdk.LoginError,
    sdk.MetadataRetrievalError,
    sdk.NoAuthTokenError,
    sdk.RefreshWithMFAUnsupportedError,
)
UNAVAILABLE_BY_SDK = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.IncompleteReadError,
    sdk.ReadTimeoutError,
    sdk.CapacityNotAvailableError,
)
DAMAGED_BY_SDK = (sdk.FlexibleChecksumError, sdk.ChecksumError)
WRONG_SETTINGS = (
    sdk.NoRegionError,
    sdk.InvalidRegionError,
    sdk.ProfileNotFound,
    sdk.ConfigParseError,
    sdk.ConfigNotFound,
    sdk.InvalidConfigError,
    sdk.InvalidDefaultsMode,
    sdk.InvalidMaxRetryAttemptsError,
    sdk.InvalidRetryConfigurationError,
    sdk.InvalidRetryModeError,
    sdk.InvalidEndpointConfigurationError,
    sdk.InvalidProxiesConfigError,
    sdk.EndpointProviderError,
    sdk.InvalidIMDSEndpointError,
    sdk.InvalidIMDSEndpointModeError,
)

_BY_CODE: dict[str, tuple[type[HoldfastError], str]] = {
    code: (kind, advice) for kind, (advice, codes) in CODES.items() for code in codes
}
_BY_CODE |= dict.fromkeys(EXPIRED, (StoreDenied, _RENEW)) | dict.fromkeys(ARCHIVED, (StoreDenied, _THAW))
_BY_CLASS: tuple[tuple[tuple[type[Exception], ...], type[HoldfastError], str], ...] = (
    (DENIED_BY_SDK, StoreDenied, _RENEW),
    (DAMAGED_BY_SDK, IntegrityError, "try again"),
    (UNAVAILABLE_BY_SDK, StoreUnavailable, _LATER),
    (WRONG_SETTINGS, InvalidRequest, "check region, profile and the AWS settings of this process"),
)


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Raise the table's error, about `what`, for an error of AWS or its SDK inside the block."""
    try:
        yield
    except (sdk.ClientError, sdk.BotoCoreError) as error:
        translated = translation(error, what)
        if translated is None:
            raise
        raise translated from error


def translation(error: Exception, what: str) -> HoldfastError | None:
    """Return what to raise for `error`; None for what is in no row."""
    if isinstance(error, sdk.ClientError):
        code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
        found = _BY_CODE.get(code)
        text = f"{code}: {message}" if message else code
        return found and found[0](_line(what, text, found[1]))
    for classes, kind, advice in _BY_CLASS:
        if isinstance(error, classes):
            return kind(_line(what, str(error), advice))
    return None


def code_of(error: sdk.ClientError) -> str:
    """Return the error's code, as the service spells it."""
    return str(error.response.get("Error", {}).get("Code", ""))


def cancellations(error: sdk.ClientError) -> list[dict[str, Any]]:
    """Return why each action of a cancelled transaction failed; an empty list for any other error."""
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return reasons


def _line(what: str, text: str, advice: str) -> str:
    return f"{what} failed: {' '.join(text.split()).rstrip('.')}; {advice}"
