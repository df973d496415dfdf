"""The settings' promises, with the arithmetic."""
