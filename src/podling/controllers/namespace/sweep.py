"""Deletes everything in a namespace, whatever kinds the server has.

Pods go first, with their grace, and nothing else is touched while one is left (KEP-5080): what protects or serves them outlives them. What
can be deleted is what discovery says. Kinds of which the namespace has nothing cost one small list each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from podling.api import kinds
from podling.api.errors import ApiError, MethodNotAllowed, NotFound
from podling.api.kinds import Kind
from podling.client.client import Client
from podling.client.discovery import Discovery
from podling.client.wire import PartialObject

from .conditions import Remains


async def sweep(client: Client, discovery: Discovery, namespace: str) -> Remains:
    """Ask for the deletion of all content; what is left of it."""
    deletable = [
        row
        for row in discovery.preferred()
        if row.namespaced and "delete" in row.verbs and "list" in row.verbs
    ]
    failures: list[str] = []
    left: dict[str, Sequence[PartialObject]] = {}
    for row in sorted(deletable, key=lambda row: row is not kinds.POD):
        try:
            remaining = await _delete_all(client, row, namespace)
        except ApiError as error:
            failures.append(f"{row.resource}: {error}")
            continue
        if remaining:
            left[f"{row.plural}.{row.group}"] = remaining
            if row is kinds.POD:
                break
    finalizers = Counter(
        name for objects in left.values() for obj in objects for name in obj.metadata.finalizers or ()
    )
    return Remains(
        discovery.failures,
        tuple(failures),
        {name: len(objects) for name, objects in left.items()},
        dict(finalizers),
    )


async def _delete_all(client: Client, row: Kind, namespace: str) -> Sequence[PartialObject]:
    """What is left of one kind after asking for its deletion."""
    objects = client.partial(row)
    try:
        present = (await objects.list(namespace=namespace)).items
    except (NotFound, MethodNotAllowed):
        return ()  # no longer served
    doomed = [obj for obj in present if obj.metadata.deletion_timestamp is None]
    if not doomed:
        return present
    if "deletecollection" in row.verbs:
        await objects.delete_collection(namespace=namespace)
    else:
        for obj in doomed:
            await _delete(client, row, namespace, obj)
    return (await objects.list(namespace=namespace)).items


async def _delete(client: Client, row: Kind, namespace: str, obj: PartialObject) -> None:
    try:
        await client.partial(row).delete(obj.metadata.name or "", namespace=namespace, uid=obj.metadata.uid)
    except NotFound:
        return
