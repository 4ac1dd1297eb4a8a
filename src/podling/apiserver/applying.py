"""Server-side apply on the way through the server: the configuration read from the body, and put onto the stored object.

What an apply means is `podling.api.apply`; here are the body and its refusals, the version asked for, which fields each
door may set, and the defaults, which are filled in afterwards and hence are nobody's.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from podling.api import apply, codec, errors, field, managedfields, strict
from podling.api.apply import Applier, Context
from podling.api.kinds import Kind
from podling.api.managedfields import EMPTY, FieldSet
from podling.api.object import Object
from podling.api.types.meta_v1 import ManagedFieldsEntry

from . import body, negotiate, versions
from .call import Call
from .change import MAIN, Make, Scope
from .options import WriteOptions

Document = dict[str, Any]

_MEDIA = (negotiate.APPLY_PATCH, negotiate.APPLY_PATCH_JSON)
_HEAD = {"apiVersion", "kind", "metadata"}
_STATUS = managedfields.from_paths("status")
_EPHEMERAL = "ephemeralContainers"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


def is_apply(call: Call) -> bool:
    """Whether the request's patch is an apply."""
    media = call.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media in _MEDIA


def configuration(call: Call, options: WriteOptions, kind: Kind) -> Document:
    """What the body applies, known to fit the kind; raises BadRequest, and Invalid if the manager gives no name."""
    if not options.field_manager:
        fault = field.required(field.Path("fieldManager"), "is required for apply patch")
        raise errors.Invalid("PatchOptions.meta.k8s.io", "", [fault])
    config = _read(call, options)
    _check_kind(config, kind)
    metadata = config.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise errors.BadRequest("metadata.managedFields must be nil")
    faults = list(apply.faults(config, apply.root(kind), level=call.services.level))
    if faults:
        where = metadata if isinstance(metadata, dict) else {}
        what = f"{where.get('namespace') or ''}/{where.get('name') or ''}; {_gvk(kind.group, kind.version, kind.kind)}"
        why = faults[0] if len(faults) == 1 else "\n  ".join(("errors:", *faults))
        raise errors.BadRequest(f"failed to create typed patch object ({what}): {why}")
    return config


def maker(call: Call, options: WriteOptions, scope: Scope) -> tuple[Make, Scope]:
    """The function that applies the request's configuration to a stored object, and the scope of such a change."""
    config = configuration(call, options, call.resource.kind)

    def applied(old: Object, stored: bytes) -> Object:
        live = document(call, stored)
        entries = old.metadata.managed_fields or []
        new = onto(call, options, live, entries, config, scope)
        new.metadata.resource_version = _metadata(config).get("resourceVersion")
        return new

    return applied, dataclasses.replace(scope, is_patch=True, is_applied=True)


def created(call: Call, options: WriteOptions) -> Object:
    """The object that the request's configuration makes where there is none."""
    config = configuration(call, options, call.resource.kind)
    return onto(call, options, None, [], config, MAIN)


def document(call: Call, stored: bytes) -> Document:
    """A stored object as plain JSON in the version asked for, without its managedFields."""
    resource = call.resource
    if resource.is_converted:
        stored = versions.shown(stored, resource.storage, resource.kind, call.services.level)
    live: Document = _decode(stored)
    live["metadata"].pop("managedFields", None)
    return live


def onto(
    call: Call,
    options: WriteOptions,
    live: Document | None,
    entries: list[ManagedFieldsEntry],
    config: Document,
    scope: Scope,
) -> Object:
    """The object to store; raises ApplyConflict and BadRequest."""
    context = Context(
        call.resource.kind,
        call.services.level,
        call.services.now(),
        reset=_reset(call, scope, {*config, *(live or ())}, config),
    )
    applier = Applier(options.field_manager, scope.subresource, options.force)
    result = apply.onto(live, entries, config, applier, context)
    plain = msgspec.structs.replace(options, field_validation="Ignore")
    new = body.complete(call, plain, _encode(result.document))
    new.metadata.managed_fields = result.entries or None
    return new


def _reset(call: Call, scope: Scope, names: set[str], config: Document) -> FieldSet:
    """The fields, out of those that there are, that a request through this door does not set."""
    if scope.subresource == "ephemeralcontainers":
        spec = config.get("spec")
        others = [f"spec.{name}" for name in spec if name != _EPHEMERAL] if isinstance(spec, dict) else []
        return managedfields.from_paths(*others, *({"metadata", *names} - {"apiVersion", "kind", "spec"}))
    if scope.part == "status":
        return managedfields.from_paths(*(names - _HEAD - {"status"}))
    return _STATUS if "status" in call.resource.kind.subresources else EMPTY


def _read(call: Call, options: WriteOptions) -> Document:
    data = call.request.body
    try:
        config = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        config = _from_yaml(call, options, data)
    except RecursionError as error:
        raise errors.BadRequest("error decoding YAML: exceeded max depth") from error
    else:
        if options.field_validation != "Ignore" and strict.may_repeat(data):
            config = _from_yaml(call, options, data)
    if not isinstance(config, dict):
        raise errors.BadRequest("error decoding YAML: the document must be a mapping")
    return config


def _from_yaml(call: Call, options: WriteOptions, data: bytes) -> Document:
    repeated: list[str] = []
    try:
        documents = codec.yaml_load_all(data.decode(), name="request body", repeated=repeated)
    except (ValueError, UnicodeDecodeError) as error:
        raise errors.BadRequest(f"error decoding YAML: error converting YAML to JSON: {error}") from error
    if repeated:
        told = "\n  ".join(("error converting YAML to JSON: yaml: unmarshal errors:", *repeated))
        if options.field_validation == "Strict":
            raise errors.BadRequest(f"error strict decoding YAML: {told}")
        if options.field_validation == "Warn":
            call.request.warnings.append(told)
    return documents[0] if documents else {}


def _check_kind(config: Document, kind: Kind) -> None:
    api_version, name = str(config.get("apiVersion") or ""), str(config.get("kind") or "")
    if api_version != kind.api_version or name != kind.kind:
        group, _, version = api_version.rpartition("/")
        raise errors.BadRequest(f"invalid object type: {_gvk(group, version, name)}")


def _gvk(group: str, version: str, kind: str) -> str:
    return f"{group}/{version}, Kind={kind}"


def _metadata(config: Document) -> Document:
    found = config.get("metadata")
    return found if isinstance(found, dict) else {}
