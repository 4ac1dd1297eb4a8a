"""What can keep a cluster from being made, started or removed, in words for the person at the terminal."""

from __future__ import annotations


# ClusterError             exit code 1
# ├── BadConfig            2   a setting is not usable; names the setting
# ├── AlreadyRunning       3   another process has this cluster
# ├── NotRunning           4   the cluster is not there or not up
# ├── PortTaken            5   the API server's port belongs to somebody else
# ├── Unprivileged         6   what was asked for needs privileges that this process lacks
# └── StartFailed          7   a part did not start; names the part and the log
class ClusterError(Exception):
    """A cluster could not be handled as asked; the message is one sentence for the user."""

    exit_code = 1


class BadConfig(ClusterError):
    """A setting cannot be used; the message names it."""

    exit_code = 2


class AlreadyRunning(ClusterError):
    """Another process runs, starts or stops this cluster right now."""

    exit_code = 3


class NotRunning(ClusterError):
    """The cluster does not exist or is not up."""

    exit_code = 4


class PortTaken(ClusterError):
    """The address that the API server was told to use is taken."""

    exit_code = 5


class Unprivileged(ClusterError):
    """What was asked for needs privileges that this process does not have."""

    exit_code = 6


class StartFailed(ClusterError):
    """A part of the cluster did not start."""

    exit_code = 7
