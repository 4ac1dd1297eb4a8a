"""The storage class that claims have unless they name another: local volumes, made where their first Pod goes."""

from __future__ import annotations

import contextlib

from podling.api.errors import AlreadyExists
from podling.api.storage.localpath import default_class
from podling.api.types import storage_v1
from podling.client import Client


async def ensure_class(client: Client) -> None:
    """Make it where it is not there; one that is there is its owner's, who may have taken the mark of the default off."""
    with contextlib.suppress(AlreadyExists):
        await client.resource(storage_v1.StorageClass).create(default_class())
