"""A Pod's spec turned into what the runtime interface takes: pure, one concern a module."""
