"""Backups: what is selected, how long it is kept, who can destroy it."""
