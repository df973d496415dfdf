"""The master key wrapped by a KMS key, which never leaves KMS and may be in another region."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from holdfast.backup.ids import RepositoryId
from holdfast.backup.stores.aws.clients import region_of
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.errors import InvalidRequest, WrongKey

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

KIND = "kms"
CONTEXT = "holdfast:repository"
MASTER_BYTES = 32


class KmsKey:
    """A key provider for slots of kind `kms`, each opened in the region of its key's ARN.

    Args:
        key_arn: the one key to wrap with and to trust; None opens whatever kms slot there is, and wraps nothing.
            Whoever can write the bucket could then put a repository of his own in its place, but not read this one.
        client_in: gives the KMS client of a region.
    """

    def __init__(self, key_arn: str | None, client_in: Callable[[str], KMSClient]) -> None:
        if key_arn is not None:
            region_of(key_arn)
        self._key_arn = key_arn
        self._client_in = client_in

    def wrap(self, master: bytes, repository: RepositoryId) -> dict[str, Any]:
        """Return the slot's body; only KMS, asked with the same repository id, gives `master` back."""
        if self._key_arn is None:
            raise InvalidRequest("a KMS key is needed to wrap with; name its ARN")
        with aws_errors(f"KMS Encrypt with {self._key_arn}"):
            answer = self._client_in(region_of(self._key_arn)).encrypt(
                KeyId=self._key_arn, Plaintext=master, EncryptionContext={CONTEXT: repository}
            )
        wrapped = base64.b64encode(answer["CiphertextBlob"]).decode()
        return {"kind": KIND, "key": self._key_arn, "wrapped": wrapped}

    def unwrap(self, slot: Mapping[str, Any], repository: RepositoryId) -> bytes | None:
        """Return the master key; None for a slot of another kind or of a key that is not this one."""
        key = slot.get("key")
        if slot.get("kind") != KIND or not isinstance(key, str) or key != (self._key_arn or key):
            return None
        wrapped = _wrapped(slot)
        with aws_errors(f"KMS Decrypt with {key}"):
            answer = self._client_in(region_of(key)).decrypt(
                KeyId=key, CiphertextBlob=wrapped, EncryptionContext={CONTEXT: repository}
            )
        if len(answer["Plaintext"]) != MASTER_BYTES:
            raise WrongKey(f"key slot of {key} does not hold a master key; use another key")
        return answer["Plaintext"]


def _wrapped(slot: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(slot["wrapped"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise WrongKey(f"key slot of {slot.get('key')} is damaged; use another key") from error
