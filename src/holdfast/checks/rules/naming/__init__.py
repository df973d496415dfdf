"""Names, tags, outputs and claims."""
