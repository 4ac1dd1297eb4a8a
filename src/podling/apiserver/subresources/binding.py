"""`pods/binding`: the scheduler's verdict; a Pod gets its node once.

Also served as POST of a Binding to `bindings`, which names its Pod in its metadata.
"""

from __future__ import annotations

from podling.api import codec, errors, field, kinds
from podling.api import pod as pods
from podling.api.object import Object
from podling.api.types import core_v1, meta_v1
from podling.apiserver import body, render
from podling.apiserver.admission import Operation
from podling.apiserver.call import Call, Serve
from podling.apiserver.change import Scope, change
from podling.apiserver.options import WriteOptions, write_options
from podling.apiserver.request import Response

SCOPE = Scope("binding", part="given", is_bare=True)


async def create(call: Call) -> Response:
    """POST to a Pod's `/binding`."""
    options = write_options(call.request.query, "CreateOptions")
    given = body.read_object(call, options, kind=kinds.BINDING)
    if given.name and given.name != call.info.name:
        raise errors.BadRequest("name in URL does not match name in Binding object")
    return await _bind(call, given, options, name=call.info.name)


async def create_in_collection(call: Call) -> Response:
    """POST to `bindings`; the Binding names its Pod."""
    options = write_options(call.request.query, "CreateOptions")
    given = body.read_object(call, options, kind=kinds.BINDING)
    pods_call = Call(call.services, call.request, call.services.resources.of(kinds.POD), call.user)
    return await _bind(pods_call, given, options, name=given.name)


async def _bind(call: Call, given: Object, options: WriteOptions, *, name: str) -> Response:
    """Put a Pod on a node; raises Conflict when it is going, bound already or not yet to be scheduled."""
    _check(given)
    review = call.review(
        Operation.CREATE,
        obj=given,
        name=name,
        kind=kinds.BINDING,
        subresource="binding",
        is_dry_run=options.dry_run,
    )
    await call.services.admission.admit(review)

    def bound(old: Object, _: bytes) -> Object:
        return _bound(call, codec.clone(old), given.body)

    await change(call, bound, options=options, scope=SCOPE, name=name)
    return render.struct(call, meta_v1.Status(status="Success", code=201), status=201)


def _check(given: Object) -> None:
    target = given.body.target
    faults = []
    if target.kind not in (None, "", "Node"):
        faults.append(field.not_supported(field.Path("target") / "kind", target.kind, ("Node", "<empty>")))
    if not target.name:
        faults.append(field.required(field.Path("target") / "name"))
    if faults:
        raise errors.Invalid(kinds.BINDING, given.name, faults)


def _bound(call: Call, pod: Object, binding: core_v1.Binding) -> Object:
    body_, meta = pod.body, binding.metadata
    if meta.uid and meta.uid != pod.metadata.uid:
        why = f"Precondition failed: UID in precondition: {meta.uid}, UID in object meta: {pod.metadata.uid}"
        raise errors.Conflict(kinds.POD, pod.name, why)
    spec = body_.spec = body_.spec or core_v1.PodSpec()
    if pod.metadata.deletion_timestamp:
        raise errors.Conflict(
            "pods.binding", pod.name, f"pod {pod.name} is being deleted, cannot be assigned to a host"
        )
    if spec.node_name:
        raise errors.Conflict(
            "pods.binding", pod.name, f'pod {pod.name} is already assigned to node "{spec.node_name}"'
        )
    if spec.scheduling_gates:
        raise errors.Conflict("pods.binding", pod.name, f"pod {pod.name} has non-empty .spec.schedulingGates")
    spec.node_name = binding.target.name
    pod.metadata.annotations = {**(pod.metadata.annotations or {}), **(meta.annotations or {})} or None
    pod.metadata.labels = {**(pod.metadata.labels or {}), **(meta.labels or {})} or None
    status = body_.status = body_.status or core_v1.PodStatus()
    condition = core_v1.PodCondition(
        type="PodScheduled", status="True", last_transition_time=call.services.now()
    )
    pods.set_condition(status, condition)
    status.nominated_node_name = None
    pod.metadata.resource_version = None
    return pod


VERBS: dict[str, Serve] = {"create": create}
