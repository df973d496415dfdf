"""Who may do what, and on whose behalf."""
