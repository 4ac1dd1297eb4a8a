"""Deleting an object: at once, with grace, or when its last finalizer is gone.

Deleting an object that has finalizers, or that is to end gracefully, marks it (`deletionTimestamp`,
`deletionGracePeriodSeconds`) and leaves it to whoever holds it.  A second deletion can only shorten the grace.
`propagationPolicy` becomes a finalizer for the garbage collector.  Where nothing holds the object it goes at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from podling.api import codec, errors, times
from podling.api.object import Object
from podling.api.types import meta_v1
from podling.store.interface import Mismatch
from podling.store.watchcache import Entry

from .admission import Operation
from .call import Call
from .validation.metadata import FOREGROUND, ORPHAN


@dataclass(frozen=True, slots=True)
class Removed:
    """What a deletion came to: the object's last or present bytes, and whether it is gone."""

    value: bytes
    gone: bool
    uid: str


async def delete(call: Call, name: str, options: meta_v1.DeleteOptions) -> Removed:
    """Delete or mark an object; raises NotFound, Conflict (preconditions) or what admission says."""
    try:
        return await call.services.turns.insist(lambda: _attempt(call, name, options))
    except Mismatch as lost:
        if not lost.revision:
            raise errors.NotFound(call.resource.kind, name) from lost
        raise errors.Conflict(call.resource.kind, name) from lost


async def _attempt(call: Call, name: str, options: meta_v1.DeleteOptions) -> Removed:
    """Once from reading to committing; raises Mismatch when somebody else was faster."""
    entry, dry_run = call.stored(name), bool(options.dry_run)
    obj = codec.decode(call.resource.storage, entry.value)
    check_preconditions(call, obj, options.preconditions)
    review = call.review(Operation.DELETE, name=name, old=obj, is_dry_run=dry_run)
    await call.services.admission.admit(review)
    return await _mark_or_remove(call, entry, obj, options, dry_run=dry_run)


async def _mark_or_remove(
    call: Call, entry: Entry, obj: Object, options: meta_v1.DeleteOptions, *, dry_run: bool
) -> Removed:
    strategy, meta = call.resource.strategy, obj.metadata
    uid = meta.uid or ""
    marked = False
    if strategy.is_graceful:
        if meta.deletion_timestamp and meta.deletion_grace_period_seconds:
            if not _shorten(
                call, meta, strategy.grace_seconds(obj.body, options.grace_period_seconds), options
            ):
                return Removed(entry.value, gone=False, uid=uid)
            marked = True
        elif not meta.deletion_timestamp:
            seconds = strategy.grace_seconds(obj.body, options.grace_period_seconds)
            _mark(call, meta, seconds)
            marked = True
    finalizers = (
        _with_propagation(meta.finalizers or [], options, orphans=strategy.orphans_by_default)
        if strategy.is_collectable
        else []
    )
    if finalizers != (meta.finalizers or []):
        meta.finalizers = finalizers or None
        marked = True
    held = bool(meta.finalizers) or not strategy.may_vanish(obj.body)
    if held and not meta.deletion_timestamp:
        _mark(call, meta, 0 if meta.finalizers else None)
        marked = True
    if held or meta.deletion_grace_period_seconds:
        _terminating(obj)
        value = await _store_mark(call, entry, obj, dry_run=dry_run) if marked else entry.value
        return Removed(value, gone=False, uid=uid)
    return Removed(await vanish(call, entry, obj, dry_run=dry_run), gone=True, uid=uid)


async def _store_mark(call: Call, entry: Entry, obj: Object, *, dry_run: bool) -> bytes:
    obj.metadata.resource_version = None
    data = codec.encode(obj)
    if dry_run:
        return codec.splice_revision(data, entry.revision)
    return (await call.replace(entry, obj, data)).value


def _terminating(obj: Object) -> None:
    """A Namespace that is going says so in its phase."""
    if obj.kind.plural == "namespaces" and obj.body.status is not None:
        obj.body.status.phase = "Terminating"


def _mark(call: Call, meta: meta_v1.ObjectMeta, seconds: int | None) -> None:
    meta.deletion_timestamp = times.rfc3339(call.services.clock.now() + (seconds or 0))
    meta.deletion_grace_period_seconds = seconds
    if meta.generation:
        meta.generation += 1


def _shorten(call: Call, meta: meta_v1.ObjectMeta, seconds: int, options: meta_v1.DeleteOptions) -> bool:
    """A further deletion counts only if it says by itself that less time is left."""
    before = meta.deletion_grace_period_seconds or 0
    if options.grace_period_seconds is None or seconds >= before:
        return False
    began = times.parse(meta.deletion_timestamp or "") - before
    meta.deletion_timestamp = times.rfc3339(began + seconds)
    meta.deletion_grace_period_seconds = seconds
    return True


def _with_propagation(finalizers: list[str], options: meta_v1.DeleteOptions, *, orphans: bool) -> list[str]:
    """The finalizers with the garbage collector's as the policy asks; without a policy, as the kind does by default."""
    policy = options.propagation_policy
    if options.orphan_dependents is not None:
        policy = "Orphan" if options.orphan_dependents else "Background"
    if policy is None:
        if not orphans or ORPHAN in finalizers or FOREGROUND in finalizers:
            return finalizers
        policy = "Orphan"
    kept = [name for name in finalizers if name not in (ORPHAN, FOREGROUND)]
    return kept + {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])


def check_preconditions(call: Call, obj: Object, wanted: meta_v1.Preconditions | None) -> None:
    """Refuse to touch another object, or another state of it, than the client has named: Conflict."""
    if wanted is None:
        return
    meta = obj.metadata
    if wanted.uid and wanted.uid != meta.uid:
        raise errors.Conflict(
            call.resource.kind,
            obj.name,
            f"the UID in the precondition ({wanted.uid}) does not match the UID in record ({meta.uid}). "
            "The object might have been deleted and then recreated",
        )
    if wanted.resource_version and wanted.resource_version != meta.resource_version:
        raise errors.Conflict(
            call.resource.kind,
            obj.name,
            f"the ResourceVersion in the precondition ({wanted.resource_version}) does not match the "
            f"ResourceVersion in record ({meta.resource_version}). The object might have been modified",
        )


def is_finished(call: Call, new: Object, old: Object) -> bool:
    """Whether a change lets a deleted object go: nothing holds it any more and its grace is over."""
    return bool(
        old.metadata.deletion_timestamp
        and not new.metadata.finalizers
        and not old.metadata.deletion_grace_period_seconds
        and call.resource.strategy.may_vanish(new.body)
    )


async def vanish(call: Call, entry: Entry, obj: Object, *, dry_run: bool) -> bytes:
    """Remove the stored object; answers with the bytes of `obj` as it was at the end."""
    obj.metadata.resource_version = None
    data = codec.encode(obj)
    if dry_run:
        return codec.splice_revision(data, entry.revision)
    return codec.splice_revision(data, await call.remove(entry))
