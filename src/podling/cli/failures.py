"""From an exception to one sentence and an exit code; loaded only when something went wrong."""

from __future__ import annotations

import errno
import sys
from typing import NoReturn

import typer

from podling.api.codec import Malformed
from podling.api.errors import ApiError
from podling.client.errors import ConfigFault, ConnectionFault
from podling.cluster.errors import ClusterError
from podling.runtime.interface import RuntimeFault


def exit_for(error: Exception) -> NoReturn:
    """Print what the user needs to know and exit; an error that nobody expected keeps its traceback."""
    if isinstance(error, ClusterError):
        _exit(str(error), error.exit_code)
    if isinstance(error, ConfigFault):
        _exit(str(error), 1)
    if isinstance(error, ConnectionFault):
        _exit(f"{error}; is the cluster up? 'podling status' tells", 4)
    if isinstance(error, ApiError):
        _exit(f"Error from server ({error.reason}): {error.message}", 1)
    if isinstance(error, RuntimeFault):
        _exit(str(error), 1)
    if isinstance(error, Malformed):
        _exit(f"cannot read {error}", 2)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        _exit(f"cannot write {error.filename or 'to the data folder'}: the disk is full", 1)
    if isinstance(error, PermissionError):
        _exit(
            f"cannot use {error.filename}: {error.strerror}; run as its owner, or choose another --data-dir",
            6,
        )
    if isinstance(error, OSError) and error.filename:
        _exit(f"cannot use {error.filename}: {error.strerror}", 1)
    raise error


def _exit(message: str, code: int) -> NoReturn:
    typer.secho(f"podling: {message}", fg="red" if sys.stderr.isatty() else None, err=True)
    sys.exit(code)
