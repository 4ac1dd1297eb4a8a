"""Creating an object: the stages behind the one decode.

identity and times -> put back what a creation may not set -> count managed fields -> admit -> prepare -> validate
-> check (limits, quotas) -> encode once -> commit; with `generateName`, again under another name when the name is taken
"""

from __future__ import annotations

import dataclasses
import uuid

from podling.api import codec, errors, names
from podling.api.object import Object
from podling.store.interface import KeyExists

from . import tracking
from .admission import Operation, Review
from .call import Call
from .change import Outcome, raise_faults
from .options import WriteOptions
from .validation import metadata

NAME_ATTEMPTS = 8
"""Upstream's: with five random characters a million names per prefix collide with one in a thousand."""


async def create(call: Call, obj: Object, *, options: WriteOptions, is_applied: bool = False) -> Outcome:
    """Store a new object; raises AlreadyExists, Invalid or what admission says.

    `is_applied`: an apply has counted the managed fields already.
    """
    _place(call, obj)
    _identify(call, obj)
    call.resource.strategy.reset(obj.body, None)
    if not is_applied:
        tracking.track(call, None, obj, options)
    generated = bool(obj.metadata.generate_name) and not obj.metadata.name
    review = call.review(Operation.CREATE, obj=obj, name=obj.name, is_dry_run=options.dry_run)
    await call.services.admission.admit(review)
    if not generated:
        return await _commit(call, obj, review, options=options)
    for _ in range(NAME_ATTEMPTS):
        named = codec.clone(obj)
        named.metadata.name = names.generate_name(obj.metadata.generate_name or "", call.services.chance)
        try:
            return await _commit(call, named, review, options=options)
        except errors.AlreadyExists:
            taken = named.metadata.name
    raise errors.AlreadyExists(call.resource.kind, taken, generated=True)


def _place(call: Call, obj: Object) -> None:
    """The namespace of the path is the object's; the revision is the store's to give."""
    meta = obj.metadata
    if meta.resource_version not in (None, "", "0"):
        raise errors.BadRequest("resourceVersion should not be set on objects to be created")
    meta.resource_version = None
    if not call.resource.storage.namespaced:
        if meta.namespace:
            raise errors.BadRequest("namespace must not be set on a cluster-scoped object")
        meta.namespace = None
    elif meta.namespace and meta.namespace != call.namespace:
        raise errors.BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    else:
        meta.namespace = call.namespace


def _identify(call: Call, obj: Object) -> None:
    meta = obj.metadata
    meta.uid = str(uuid.UUID(int=call.services.chance.getrandbits(128), version=4))
    meta.creation_timestamp = call.services.now()
    meta.deletion_timestamp = meta.deletion_grace_period_seconds = meta.generation = meta.self_link = None


async def _commit(call: Call, obj: Object, review: Review, *, options: WriteOptions) -> Outcome:
    resource = call.resource
    try:
        resource.strategy.prepare_create(obj.body, call.context())
        faults = (*metadata.create(resource.storage, obj.metadata), *resource.rules.create(obj.body))
        raise_faults(call, obj, faults)
        call.request.warnings.extend(resource.rules.warnings(obj.body, None))
        await _check(call, obj, review)
        call.fit(obj)
        data = codec.encode(obj)
        if options.dry_run:
            _refuse_existing(call, obj)
            return Outcome(data, created=True)
        try:
            stored = await call.add(obj, data)
        except KeyExists as error:
            _refuse_existing(call, obj)
            raise errors.AlreadyExists(resource.kind, obj.name) from error
        return Outcome(stored.value, created=True)
    finally:
        resource.strategy.finish(obj.body)


async def _check(call: Call, obj: Object, review: Review) -> None:
    """The last word on the object; one that is there already is as little charged for as one that is only tried."""
    is_dry_run = review.is_dry_run or call.find(obj.name) is not None
    await call.services.admission.check(
        dataclasses.replace(review, obj=obj, name=obj.name, is_dry_run=is_dry_run)
    )


def _refuse_existing(call: Call, obj: Object) -> None:
    entry = call.find(obj.name)
    if entry is None:
        return
    error = errors.AlreadyExists(call.resource.kind, obj.name)
    if codec.decode(call.resource.storage, entry.value).metadata.deletion_timestamp:
        error.message = f"object is being deleted: {error.message}"
    raise error
