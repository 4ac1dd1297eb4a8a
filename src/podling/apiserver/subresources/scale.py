"""`/scale`: how many replicas a controller wants and has, the same for every kind that has replicas."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from podling.api import apply, codec, kinds, selectors
from podling.api.object import Object
from podling.api.types import autoscaling_v1, meta_v1
from podling.apiserver import applying, body, patching, render
from podling.apiserver.call import Call, Serve
from podling.apiserver.change import Make, Scope, change
from podling.apiserver.options import WriteOptions, write_options
from podling.apiserver.request import Response

SCOPE = Scope("scale")
_encode = msgspec.json.Encoder().encode


async def get(call: Call) -> Response:
    return _answer(call, call.stored(call.info.name).value)


async def update(call: Call) -> Response:
    options = write_options(call.request.query, "UpdateOptions")

    def scaled(old: Object, _: bytes) -> Object:
        return _scaled(old, body.read_object(call, options, kind=kinds.SCALE))

    return await _change(call, scaled, options)


async def patch(call: Call) -> Response:
    options = write_options(call.request.query, "PatchOptions")
    if applying.is_apply(call):
        return await _apply(call, options)
    merge = patching.merge(call, patching.media_type(call, options), kinds.SCALE)

    def scaled(old: Object, _: bytes) -> Object:
        document = codec.to_dict(_scale(old))
        return _scaled(old, body.complete(call, options, _encode(merge(document)), kind=kinds.SCALE))

    return await _change(call, scaled, options)


async def _apply(call: Call, options: WriteOptions) -> Response:
    config = applying.configuration(call, options, kinds.SCALE)
    applier = apply.Applier(options.field_manager, SCOPE.subresource, options.force)
    plain = msgspec.structs.replace(options, field_validation="Ignore")
    context = apply.Context(kinds.SCALE, call.services.level, call.services.now())

    def applied(old: Object, _: bytes) -> Object:
        entries = old.metadata.managed_fields or []
        result = apply.onto(codec.to_dict(_scale(old)), apply.scale.shown(entries), config, applier, context)
        scale = body.complete(call, plain, _encode(result.document), kind=kinds.SCALE)
        scale.metadata.resource_version = (config.get("metadata") or {}).get("resourceVersion")
        new = _scaled(old, scale)
        api_version = call.resource.storage.api_version
        new.metadata.managed_fields = apply.scale.taken_back(entries, result.entries, api_version)
        return new

    return await _change(call, applied, options, dataclasses.replace(SCOPE, is_applied=True))


async def _change(call: Call, make: Make, options: WriteOptions, scope: Scope = SCOPE) -> Response:
    outcome = await change(call, make, options=options, scope=scope)
    return _answer(call, outcome.value)


def _answer(call: Call, value: bytes) -> Response:
    scale = _scale(codec.decode(call.resource.storage, value))
    form = call.form()
    if form.transform == "Table":
        return render.written(form, render.table(call, [codec.struct_encode(scale)], form, kind=kinds.SCALE))
    return render.struct(call, scale)


def _scaled(old: Object, scale: Object) -> Object:
    new = codec.clone(old)
    new.metadata.resource_version = scale.metadata.resource_version or None
    if scale.metadata.uid and scale.metadata.uid != old.metadata.uid:
        new.metadata.uid = scale.metadata.uid
    new.body.spec.replicas = (scale.body.spec.replicas if scale.body.spec is not None else None) or 0
    return new


def _scale(obj: Object) -> autoscaling_v1.Scale:
    meta, spec, status = obj.metadata, obj.body.spec, obj.body.status
    return autoscaling_v1.Scale(
        metadata=meta_v1.ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resource_version=meta.resource_version,
            creation_timestamp=meta.creation_timestamp,
        ),
        spec=autoscaling_v1.ScaleSpec(replicas=spec.replicas),
        status=autoscaling_v1.ScaleStatus(
            replicas=(status.replicas if status is not None else None) or 0, selector=_selector(spec.selector)
        ),
    )


def _selector(selector: Any) -> str | None:
    if isinstance(selector, dict):
        return str(selectors.from_set(selector))
    return str(selectors.from_struct(selector)) if selector is not None else None


VERBS: dict[str, Serve] = {"get": get, "patch": patch, "update": update}
