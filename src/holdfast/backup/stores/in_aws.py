"""Which names of repositories are names in AWS: known without loading what opens a repository."""

from __future__ import annotations

IN_AWS = ("s3://", "vault:")


def is_in_aws(repo: str) -> bool:
    """Tell whether a repository's name is one of AWS."""
    return repo.startswith(IN_AWS)
