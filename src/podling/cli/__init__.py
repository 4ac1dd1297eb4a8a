"""The ``podling`` command: one file a command, listed in ``main.COMMANDS``."""
