"""The rules of IngressClasses (k8s.io/kubernetes/pkg/apis/networking/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import networking_v1

from .metadata import each, immutable
from .references import typed_local

CONTROLLER, PARAMETERS = Path("spec", "controller"), Path("spec", "parameters")
MAX_CONTROLLER = 250
_HTTP_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
_SCOPES = ("Cluster", "Namespace")

IngressClass = networking_v1.IngressClass


def create(given: IngressClass) -> Iterator[FieldError]:
    spec = given.spec or networking_v1.IngressClassSpec()
    controller = spec.controller or ""
    if not controller:
        yield field.required(CONTROLLER)
    else:
        if len(controller.encode()) > MAX_CONTROLLER:
            yield field.too_long(CONTROLLER, MAX_CONTROLLER)
        yield from _prefixed_path(controller, CONTROLLER)
    if spec.parameters is not None:
        yield from typed_local(spec.parameters, PARAMETERS)
        yield from _scope(spec.parameters)


def update(given: IngressClass, old: IngressClass) -> Iterator[FieldError]:
    new, before = (one.spec.controller if one.spec is not None else None for one in (given, old))
    yield from immutable(new, before, CONTROLLER)
    yield from create(given)


def _prefixed_path(text: str, path: Path) -> Iterator[FieldError]:
    domain, _, rest = text.partition("/")
    if not domain or not rest:
        yield field.invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')
        return
    yield from each(names.dns1123_subdomain, domain, path)
    if not _HTTP_PATH.fullmatch(rest):
        yield field.invalid(path, rest, f"Invalid path (regex used for validation is '{_HTTP_PATH.pattern}')")


def _scope(given: networking_v1.IngressClassParametersReference) -> Iterator[FieldError]:
    namespace = PARAMETERS / "namespace"
    if given.scope is None:
        yield field.required(PARAMETERS / "scope")
    elif given.scope not in _SCOPES:
        yield field.not_supported(PARAMETERS / "scope", given.scope, _SCOPES)
    elif given.scope == "Cluster":
        if given.namespace is not None:
            yield field.forbidden(namespace, "`parameters.scope` is set to 'Cluster'")
    elif given.namespace is None:
        yield field.required(namespace, "`parameters.scope` is set to 'Namespace'")
    else:
        yield from each(names.dns1123_label, given.namespace, namespace)
