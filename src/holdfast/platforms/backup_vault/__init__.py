"""The platform `backup-vault`: S3 backups for a thousand users, deduplicated, replicated, verified.

`docs/requirements/backup-vault.md` says line by line what is required and how it is met.
"""
