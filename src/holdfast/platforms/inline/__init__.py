"""Functions small enough to travel inside a template; each file is one, and imports only what Lambda has."""
