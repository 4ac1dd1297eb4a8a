"""`pods/ephemeralcontainers`: debugging containers are added to a running Pod; none is ever changed or removed."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, errors, field
from podling.api.object import Object
from podling.api.types import core_v1
from podling.apiserver.call import Call
from podling.apiserver.change import Scope
from podling.apiserver.validation import pod_spec

from . import partial

SCOPE = Scope("ephemeralcontainers", part="given")
PATH = field.Path("spec") / "ephemeralContainers"


def _only_containers(call: Call, given: Object, old: Object) -> Object:
    """The stored Pod with the given ephemeral containers."""
    new = codec.clone(old)
    new.metadata.resource_version = given.metadata.resource_version
    new.metadata.managed_fields = given.metadata.managed_fields
    wanted = given.body.spec.ephemeral_containers if given.body.spec is not None else None
    if new.body.spec is not None:
        new.body.spec.ephemeral_containers = wanted
    faults = list(_faults(new.body, old.body))
    if faults:
        raise errors.Invalid(call.resource.kind, old.name, faults)
    return new


def _faults(pod: core_v1.Pod, old: core_v1.Pod) -> Iterator[field.FieldError]:
    spec, before = pod.spec or core_v1.PodSpec(), old.spec or core_v1.PodSpec()
    yield from pod_spec.faults(spec, field.Path("spec"), is_pod=True)
    named = {container.name: container for container in spec.ephemeral_containers or ()}
    for container in before.ephemeral_containers or ():
        if container.name not in named:
            yield field.forbidden(
                PATH, f'existing ephemeral containers "{container.name}" may not be removed\n'
            )
        elif not codec.semantic_equal(container, named[container.name]):
            yield field.forbidden(
                PATH, f'existing ephemeral containers "{container.name}" may not be changed\n'
            )


VERBS = partial.verbs(SCOPE, _only_containers)
