"""Changing an object that is stored: the stages that updates, patches and most subresources share.

    read -> make the new object from the old -> check revision and identity -> put back what this request may not set
    -> count managed fields -> admit -> prepare -> validate -> check -> encode -> compare-and-swap, again from the start when
    somebody else was faster

A change that means nothing writes nothing.  A change that takes the last finalizer off a deleted object removes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from podling.api import codec, errors, field, managedfields
from podling.api.object import Object
from podling.api.types import meta_v1
from podling.store.interface import Mismatch
from podling.store.watchcache import Entry

from . import removal, tracking
from .admission import Operation
from .call import Call
from .options import WriteOptions
from .validation import metadata

NO_REVISION = (None, "", "0")
"""A resourceVersion that is none."""
Make = Callable[[Object, bytes], Object]
"""The new object from the old one, which it must not change, and the old one's stored bytes."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of an object a request may change, and which stages its change goes through.

    `part` is what the request may set: "main" (everything but status), "status", "approval" (the decision on a certificate
    request, in its status) or "given" (exactly what the maker returned, which has seen to the rest).  `is_bare` is for the server's own doing on somebody's behalf, such as a
    binding: it is neither tracked, admitted nor validated as a change of the object.  `is_patch` says that the maker
    starts from what is stored, so that no kind insists on a revision.  `is_applied` says that it has counted the managed
    fields, too, as an apply does.
    """

    subresource: str = ""
    part: Literal["main", "status", "approval", "given"] = "main"
    is_bare: bool = False
    is_patch: bool = False
    is_applied: bool = False


MAIN = Scope()
STATUS = Scope("status", part="status")
APPROVAL = Scope("approval", part="approval")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write came to: the bytes to answer with (with resourceVersion, as stored)."""

    value: bytes
    created: bool = False


async def change(
    call: Call, make: Make, *, options: WriteOptions, scope: Scope = MAIN, name: str = ""
) -> Outcome:
    """Change the object the request names (or `name`); raises NotFound, Conflict, Invalid or what admission says."""
    name = name or call.info.name
    try:
        return await call.services.turns.insist(
            lambda: _attempt(call, make, name, options=options, scope=scope)
        )
    except Mismatch as lost:
        if not lost.revision:
            raise errors.NotFound(call.resource.kind, name) from lost
        raise errors.Conflict(call.resource.kind, name) from lost


async def _attempt(call: Call, make: Make, name: str, *, options: WriteOptions, scope: Scope) -> Outcome:
    """Once from reading to committing; raises Mismatch when somebody else was faster."""
    entry = call.stored(name)
    old = codec.decode(call.resource.storage, entry.value)
    new = make(old, entry.value)
    insists = new.metadata.resource_version not in NO_REVISION
    _check_revision(call, new.metadata, entry.revision, is_patch=scope.is_patch)
    _check_identity(call, new.metadata, old.metadata)
    try:
        return await _commit(call, entry, old, new, options=options, scope=scope)
    except Mismatch as lost:
        if insists:
            raise errors.Conflict(call.resource.kind, name) from lost
        raise
    finally:
        call.resource.strategy.finish(new.body)


async def _commit(
    call: Call, entry: Entry, old: Object, new: Object, *, options: WriteOptions, scope: Scope
) -> Outcome:
    _keep_system_fields(new.metadata, old.metadata)
    asked = new.metadata.managed_fields
    if not scope.is_bare:
        await _complete(call, old, new, options=options, scope=scope)
    new.metadata.resource_version = None
    if removal.is_finished(call, new, old):
        return Outcome(await removal.vanish(call, entry, new, dry_run=options.dry_run))
    call.fit(new)
    if _means_the_same(new, old, asked=new.metadata.managed_fields if scope.is_applied else asked):
        return Outcome(entry.value)
    data = codec.encode(new)
    if options.dry_run:
        return Outcome(codec.splice_revision(data, entry.revision))
    return Outcome((await call.replace(entry, new, data)).value)


async def _complete(call: Call, old: Object, new: Object, *, options: WriteOptions, scope: Scope) -> None:
    """The stages between identity and encoding."""
    strategy = call.resource.strategy
    is_status = scope.part in ("status", "approval")
    if is_status:
        strategy.reset_for_status(new.body, old.body)
    elif scope.part == "main":
        strategy.reset(new.body, old.body)
    if not scope.is_applied:
        tracking.track(call, old, new, options, subresource=scope.subresource)
    review = call.review(Operation.UPDATE, obj=new, old=old, is_dry_run=options.dry_run)
    await call.services.admission.admit(review)
    if not is_status:
        strategy.prepare_update(new.body, old.body, call.context())
    rules, storage = call.resource.rules, call.resource.storage
    judges = {"main": rules.update, "status": rules.update_status, "approval": rules.update_approval}
    judged = judges.get(scope.part)
    faults = list(metadata.update(storage, new.metadata, old.metadata))
    if judged is not None:
        faults += judged(new.body, old.body)
    raise_faults(call, new, faults)
    if scope.part == "main":
        call.request.warnings.extend(rules.warnings(new.body, old.body))
    await call.services.admission.check(review)


def _check_revision(call: Call, new: meta_v1.ObjectMeta, revision: int, *, is_patch: bool) -> None:
    """Refuse a change based on another revision than the stored one; none at all is the last word where allowed."""
    given = new.resource_version
    if given in NO_REVISION:
        if not is_patch:
            refuse_last_word(call, new)
    elif given != str(revision):
        if not given.isascii() or not given.isdigit():
            path = metadata.METADATA / "resourceVersion"
            fault = field.invalid(path, given, f'strconv.ParseUint: parsing "{given}": invalid syntax')
            raise errors.Invalid(call.resource.storage, new.name or "", [fault])
        raise errors.Conflict(call.resource.kind, call.info.name)


def refuse_last_word(call: Call, new: meta_v1.ObjectMeta) -> None:
    """Refuse a change based on no revision at all for kinds that do not allow it."""
    if not call.resource.storage.unconditional_update:
        path = metadata.METADATA / "resourceVersion"
        fault = field.invalid(path, 0, "must be specified for an update")
        raise errors.Invalid(call.resource.storage, new.name or "", [fault])


def check_name(given: str, name: str) -> None:
    """Refuse a body with another name than the path's."""
    if given and given != name:
        raise errors.BadRequest(
            f"the name of the object ({given}) does not match the name on the URL ({name})"
        )


def _check_identity(call: Call, new: meta_v1.ObjectMeta, old: meta_v1.ObjectMeta) -> None:
    check_name(new.name or "", old.name or "")
    new.name = old.name
    if call.resource.storage.namespaced:
        if not new.namespace:
            new.namespace = old.namespace
        elif new.namespace != old.namespace:
            raise errors.BadRequest(
                f"the namespace of the object ({new.namespace}) does not match the namespace on the request "
                f"({old.namespace})"
            )
    else:
        new.namespace = None
    if new.uid and new.uid != old.uid:
        why = f"Precondition failed: UID in precondition: {new.uid}, UID in object meta: {old.uid}"
        raise errors.Conflict(call.resource.kind, old.name or "", why)


def _keep_system_fields(new: meta_v1.ObjectMeta, old: meta_v1.ObjectMeta) -> None:
    """What only the server writes stays as it was."""
    new.uid = old.uid
    new.generation = old.generation
    new.creation_timestamp = old.creation_timestamp
    new.self_link = None
    if old.deletion_timestamp:
        new.deletion_timestamp = old.deletion_timestamp
        if new.deletion_grace_period_seconds is None:
            new.deletion_grace_period_seconds = old.deletion_grace_period_seconds
    else:
        new.deletion_timestamp = new.deletion_grace_period_seconds = None


def raise_faults(call: Call, obj: Object, faults: Iterable[field.FieldError]) -> None:
    """Refuse an object with faults: 422 with every one of them."""
    found = list(faults)
    if found:
        raise errors.Invalid(call.resource.storage, obj.name, found)


def _means_the_same(new: Object, old: Object, *, asked: list[meta_v1.ManagedFieldsEntry] | None) -> bool:
    """Whether a change is none: the same object and, if the request asked for other owners, the same ones after all.

    Owners are the same whenever they are said to have written.
    """
    given, had = new.metadata.managed_fields, old.metadata.managed_fields
    new.metadata.managed_fields, old.metadata.resource_version = had, None
    same = codec.semantic_equal(new.body, old.body)
    new.metadata.managed_fields = given
    if not same or asked is None:
        return same
    return any(managedfields.same_owners(owners or [], had or []) for owners in (asked, given))
