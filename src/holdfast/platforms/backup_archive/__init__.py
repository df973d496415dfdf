"""The platform `backup-archive`: the backup system in its small form.

`docs/requirements/backup-archive.md` says line by line what is required and how it is met.
"""
