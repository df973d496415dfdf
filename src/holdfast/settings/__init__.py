"""The settings file: models, defaults, promises; the only reader of the environment. `load` reads one."""
