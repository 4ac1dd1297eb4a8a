"""`pods/resize`: CPU and memory of a Pod's containers, or of the Pod as a whole, change while it runs (KEP-1287).

Whatever else the request holds is put back to what is stored; what may change how is said by `validation.pod_resize`.
Whether and when the node grants it is the agent's part: this is only the wish.
"""

from __future__ import annotations

from podling.api import codec, errors
from podling.api.object import Object
from podling.api.types import core_v1
from podling.apiserver.call import Call
from podling.apiserver.change import Scope
from podling.apiserver.validation import pod_resize

from . import partial

SCOPE = Scope("resize", part="given")


def _only_resources(call: Call, given: Object, old: Object) -> Object:
    """The stored Pod with the given resources and resize policies."""
    new = codec.clone(old)
    new.metadata.resource_version = given.metadata.resource_version
    new.metadata.managed_fields = given.metadata.managed_fields
    wanted, before = given.body.spec or core_v1.PodSpec(), old.body.spec or core_v1.PodSpec()
    spec = new.body.spec = codec.struct_clone(before)
    spec.resources = wanted.resources
    spec.containers = _merged(wanted.containers, spec.containers)
    spec.init_containers = _merged(wanted.init_containers or [], spec.init_containers or []) or None
    faults = list(pod_resize.faults(new.body, old.body))
    if faults:
        raise errors.Invalid(call.resource.kind, old.name, faults)
    return new


def _merged(given: list[core_v1.Container], stored: list[core_v1.Container]) -> list[core_v1.Container]:
    """Stored containers with given resources; those given as they are if they are not the same ones in the same order."""
    if [container.name for container in given] != [container.name for container in stored]:
        return given
    for new, container in zip(given, stored, strict=True):
        container.resources, container.resize_policy = new.resources, new.resize_policy
    return stored


VERBS = partial.verbs(SCOPE, _only_resources)
