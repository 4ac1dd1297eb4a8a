"""The rules of Ingresses (k8s.io/kubernetes/pkg/apis/networking/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.gotext import quote
from podling.api.types import networking_v1

from . import addresses
from .metadata import each
from .references import typed_local

SPEC = Path("spec")
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")
_NOT_A_NAME = "must be a DNS name, not an IP address"

Ingress = networking_v1.Ingress


def create(ingress: Ingress) -> Iterator[FieldError]:
    yield from _spec(_of(ingress), checks_secrets=True, checks_wildcards=True)
    said, meant = (ingress.metadata.annotations or {}).get(CLASS_ANNOTATION), _of(ingress).ingress_class_name
    if said is not None and meant is not None and said != meant:
        why = "must match `ingressClassName` when both are specified"
        yield field.invalid(Path("annotations") / CLASS_ANNOTATION, said, why)


def warnings(ingress: Ingress, old: Ingress | None) -> Iterator[str]:
    is_annotated = CLASS_ANNOTATION in (ingress.metadata.annotations or {})
    if old is None and is_annotated and _of(ingress).ingress_class_name is None:
        yield f"annotation {quote(CLASS_ANNOTATION)} is deprecated, please use 'spec.ingressClassName' instead"


def update(ingress: Ingress, old: Ingress) -> Iterator[FieldError]:
    """Secrets' names and rules for wildcards that were taken once may stay wrong."""
    before = _of(old)
    yield from _spec(
        _of(ingress),
        checks_secrets=not any(names.dns1123_subdomain(tls.secret_name or "a") for tls in before.tls or ()),
        checks_wildcards=not any(
            "*" in (rule.host or "") and any(_http(rule, SPEC)) for rule in before.rules or ()
        ),
    )


def update_status(ingress: Ingress, old: Ingress) -> Iterator[FieldError]:
    kept = {point.ip for point in _points(old) if point.ip}
    for index, point in enumerate(_points(ingress)):
        path = Path("status", "loadBalancer", "ingress") / index
        if point.ip:
            yield from addresses.legacy_ip(point.ip, path / "ip", kept=kept)
        if point.hostname:
            yield from each(names.dns1123_subdomain, point.hostname, path / "hostname")
            if addresses.lenient_ip(point.hostname) is not None:
                yield field.invalid(path / "hostname", point.hostname, _NOT_A_NAME)


def _of(ingress: Ingress) -> networking_v1.IngressSpec:
    return ingress.spec or networking_v1.IngressSpec()


def _points(ingress: Ingress) -> list[networking_v1.IngressLoadBalancerIngress]:
    balancer = ingress.status.load_balancer if ingress.status is not None else None
    return (balancer.ingress if balancer is not None else None) or []


def _spec(
    spec: networking_v1.IngressSpec, *, checks_secrets: bool, checks_wildcards: bool
) -> Iterator[FieldError]:
    if not spec.rules and spec.default_backend is None:
        yield field.invalid(SPEC, None, "either `defaultBackend` or `rules` must be specified")
    if spec.default_backend is not None:
        yield from _backend(spec.default_backend, SPEC / "defaultBackend")
    for index, rule in enumerate(spec.rules or ()):
        path = SPEC / "rules" / index
        yield from _host(rule.host or "", path / "host")
        if checks_wildcards or "*" not in (rule.host or ""):
            yield from _http(rule, path)
    for index, tls in enumerate(spec.tls or ()):
        path = SPEC / "tls" / index
        for at, host in enumerate(tls.hosts or ()):
            yield from _name(host, path / "hosts" / at)
        if checks_secrets and tls.secret_name:
            yield from each(names.dns1123_subdomain, tls.secret_name, path / "secretName")
    if spec.ingress_class_name is not None:
        yield from each(names.dns1123_subdomain, spec.ingress_class_name, SPEC / "ingressClassName")


def _host(host: str, path: Path) -> Iterator[FieldError]:
    if not host:
        return
    if addresses.lenient_ip(host) is not None:
        yield field.invalid(path, host, _NOT_A_NAME)
    yield from _name(host, path)


def _name(host: str, path: Path) -> Iterator[FieldError]:
    rule = names.wildcard_dns1123_subdomain if "*" in host else names.dns1123_subdomain
    yield from each(rule, host, path)


def _http(rule: networking_v1.IngressRule, path: Path) -> Iterator[FieldError]:
    if rule.http is None:
        return
    path = path / "http" / "paths"
    if not rule.http.paths:
        yield field.required(path)
    for index, given in enumerate(rule.http.paths):
        yield from _path(given, path / index)


def _path(given: networking_v1.HTTPIngressPath, path: Path) -> Iterator[FieldError]:
    if not given.path_type:
        yield field.required(path / "pathType", "pathType must be specified")
        return
    text, where = given.path or "", path / "path"
    if given.path_type not in _PATH_TYPES:
        yield field.not_supported(path / "pathType", given.path_type, _PATH_TYPES)
    elif given.path_type == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield field.invalid(where, text, "must be an absolute path")
    else:
        if not text.startswith("/"):
            yield field.invalid(where, text, "must be an absolute path")
        for bad in _BAD_SEQUENCES:
            if bad in text:
                yield field.invalid(where, text, f"must not contain '{bad}'")
        for bad in _BAD_ENDS:
            if text.endswith(bad):
                yield field.invalid(where, text, f"cannot end with '{bad}'")
    yield from _backend(given.backend, path / "backend")


def _backend(backend: networking_v1.IngressBackend, path: Path) -> Iterator[FieldError]:
    if backend.resource is not None and backend.service is not None:
        yield field.invalid(path, "", "cannot set both resource and service backends")
    elif backend.resource is not None:
        yield from typed_local(backend.resource, path / "resource")
    elif backend.service is not None:
        yield from _service(backend.service, path)
    else:
        yield field.invalid(path, "", "resource or service backend is required")


def _service(service: networking_v1.IngressServiceBackend, path: Path) -> Iterator[FieldError]:
    if not service.name:
        yield field.required(path / "service" / "name")
    else:
        yield from each(names.dns1123_label, service.name, path / "service" / "name")
    port = service.port or networking_v1.ServiceBackendPort()
    where = path / "service" / "port"
    if port.name and port.number:
        yield field.invalid(path, "", "cannot set both port name & port number")
    elif port.name:
        yield from each(names.port_name, port.name, where / "name")
    elif port.number:
        for why in names.port_number(port.number):
            yield field.invalid(where / "number", port.number, why)
    else:
        yield field.required(path, "port name or number is required")
