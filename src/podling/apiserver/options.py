"""Query parameters as typed options: what a list, a watch or a write is asked to do.

A malformed value is 400 in the words that Go's parser would use; a well-formed value that makes no sense is 422 with
the option's name as the path, as upstream answers.  Requests without a query share the defaults.
"""

from __future__ import annotations

import msgspec

from podling.api import errors, field
from podling.api.types import meta_v1

from .request import Query

MAX_MANAGER = 128
PROPAGATION = ("Foreground", "Background", "Orphan")
FIELD_VALIDATION = ("Ignore", "Warn", "Strict")
EXACT = "Exact"
NOT_OLDER_THAN = "NotOlderThan"


class ListOptions(msgspec.Struct, frozen=True, gc=False):
    """meta.k8s.io/v1 ListOptions, as GET on a collection and DELETE of one read them."""

    label_selector: str = ""
    field_selector: str = ""
    bookmarks: bool = False
    resource_version: str = ""
    match: str = ""
    timeout_seconds: int | None = None
    limit: int = 0
    continue_token: str = ""
    initial_events: bool | None = None


class WriteOptions(msgspec.Struct, frozen=True, gc=False):
    """What CreateOptions, UpdateOptions and PatchOptions share; `force` is for applies only."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool = False


_NO_LIST_OPTIONS = ListOptions()
_NO_WRITE_OPTIONS = WriteOptions()


def list_options(query: Query, *, watch: bool = False) -> ListOptions:
    """Read and check the options of a list, a watch or a deletecollection."""
    if not query:
        return _NO_LIST_OPTIONS
    options = ListOptions(
        label_selector=query.first("labelSelector"),
        field_selector=query.first("fieldSelector"),
        bookmarks=_bool(query, "allowWatchBookmarks"),
        resource_version=query.first("resourceVersion"),
        match=query.first("resourceVersionMatch"),
        timeout_seconds=_int(query, "timeoutSeconds"),
        limit=max(0, _int(query, "limit") or 0),
        continue_token=query.first("continue"),
        initial_events=_bool(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
    )
    problems = _watch_problems(options) if watch else _list_problems(options)
    if problems:
        raise _invalid("ListOptions", problems)
    return options


def _list_problems(options: ListOptions) -> list[field.FieldError]:
    match, path = options.match, field.Path("resourceVersionMatch")
    problems = []
    if options.initial_events is not None:
        problems.append(
            field.forbidden(field.Path("sendInitialEvents"), "sendInitialEvents is forbidden for list")
        )
    if match:
        if not options.resource_version:
            problems.append(
                field.forbidden(path, "resourceVersionMatch is forbidden unless resourceVersion is provided")
            )
        if options.continue_token:
            problems.append(
                field.forbidden(path, "resourceVersionMatch is forbidden when continue is provided")
            )
        if match not in (EXACT, NOT_OLDER_THAN):
            problems.append(field.not_supported(path, match, (EXACT, NOT_OLDER_THAN, "")))
        if match == EXACT and options.resource_version == "0":
            problems.append(
                field.forbidden(path, 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')
            )
    return problems


def _watch_problems(options: ListOptions) -> list[field.FieldError]:
    match, path = options.match, field.Path("resourceVersionMatch")
    if options.initial_events is None:
        if match:
            return [
                field.forbidden(
                    path, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
                )
            ]
        return []
    problems = []
    if match != NOT_OLDER_THAN:
        problems.append(
            field.forbidden(path, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
            if not match
            else field.not_supported(path, match, (NOT_OLDER_THAN,))
        )
    if options.continue_token:
        problems.append(field.forbidden(path, "resourceVersionMatch is forbidden when continue is provided"))
    return problems


def write_options(query: Query, kind: str) -> WriteOptions:
    """Read and check what a write is asked; `kind` is CreateOptions, UpdateOptions or PatchOptions, for messages."""
    if not query:
        return _NO_WRITE_OPTIONS
    dry_run = [value for value in query.get("dryRun", ()) if value]
    manager = query.first("fieldManager")
    validation = query.first("fieldValidation") or "Warn"
    problems = _dry_run_problems(dry_run)
    if len(manager) > MAX_MANAGER:
        problems.append(field.too_long(field.Path("fieldManager"), MAX_MANAGER))
    elif not manager.isprintable():
        problems.append(
            field.invalid(field.Path("fieldManager"), manager, "should only contain printable characters")
        )
    if validation not in FIELD_VALIDATION:
        problems.append(
            field.not_supported(field.Path("fieldValidation"), validation, ("", *FIELD_VALIDATION))
        )
    if problems:
        raise _invalid(kind, problems)
    return WriteOptions(bool(dry_run), manager, validation, _bool(query, "force"))


def delete_options(query: Query, body: meta_v1.DeleteOptions | None) -> meta_v1.DeleteOptions:
    """The options of a delete: the body's when there is one, else the query's; checked."""
    options = body
    if options is None:
        options = meta_v1.DeleteOptions()
        if query:
            options.dry_run = [value for value in query.get("dryRun", ()) if value] or None
            options.grace_period_seconds = _int(query, "gracePeriodSeconds")
            options.propagation_policy = query.first("propagationPolicy") or None
            if "orphanDependents" in query:
                options.orphan_dependents = _bool(query, "orphanDependents")
    problems = _dry_run_problems(options.dry_run or [])
    policy, path = options.propagation_policy, field.Path("propagationPolicy")
    if policy is not None and options.orphan_dependents is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        problems.append(field.invalid(path, policy, why))
    if policy and policy not in PROPAGATION:
        problems.append(field.not_supported(path, policy, (*PROPAGATION, "nil")))
    if problems:
        raise _invalid("DeleteOptions", problems)
    return options


def _dry_run_problems(values: list[str]) -> list[field.FieldError]:
    if set(values) <= {"All"}:
        return []
    path = field.Path("dryRun")
    return [field.not_supported(path, value, ("All",)) for value in values if value != "All"]


def _invalid(kind: str, problems: list[field.FieldError]) -> errors.ApiError:
    return errors.Invalid(f"{kind}.meta.k8s.io", "", problems)


def _bool(query: Query, name: str) -> bool:
    """Go's conversion of query values: everything but 0, false and nothing is true."""
    value = query.first(name).lower()
    return name in query and value not in ("0", "false")


def _int(query: Query, name: str) -> int | None:
    text = query.first(name)
    if not text:
        return None
    try:
        value = int(text)
    except ValueError as error:
        raise errors.BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
    if not -(2**63) <= value < 2**63:
        raise errors.BadRequest(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value
