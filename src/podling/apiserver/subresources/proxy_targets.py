"""Whom a request for `proxy` means: `[scheme:]name[:port]` of a Pod, a Service or a node, as an address to dial."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from functools import lru_cache

from podling.api import codec, errors, kinds
from podling.api import pod as pods
from podling.api.types import core_v1, discovery_v1
from podling.apiserver.call import Call

SCHEMES = ("http", "https")
SERVICE_NAME = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Target:
    """Scheme, host and port; `tls` is for https."""

    url: str
    tls: ssl.SSLContext | None


async def find(call: Call) -> Target:
    """Raises BadRequest, NotFound, ServiceUnavailable and what dialing a node raises."""
    what = call.resource.kind.plural
    scheme, name, port = _split(call.info.name, what.removesuffix("s"))
    body = codec.decode(call.resource.storage, call.stored(name).value).body
    if what == "nodes":
        return await _node(call, name, scheme, port)
    host, number = _pod(body, port) if what == "pods" else _endpoint(call, body, port)
    where = f"[{host}]" if ":" in host else host
    return Target(f"{scheme or 'http'}://{where}:{number}", _unverified() if scheme == "https" else None)


def _split(text: str, what: str) -> tuple[str, str, str]:
    """Scheme, name and port, the first and the last "" where not given; raises BadRequest."""
    parts = text.split(":")
    match len(parts):
        case 1:
            return "", text, ""
        case 2:
            return "", parts[0], parts[1]
        case 3 if parts[0] in ("", *SCHEMES):
            return parts[0], parts[1], parts[2]
    raise errors.BadRequest(f'invalid {what} request "{text}"')


def _pod(pod: core_v1.Pod, port: str) -> tuple[str, str]:
    """The Pod's address, and its first declared port where none is asked for."""
    address = (pod.status.pod_ip if pod.status else None) or ""
    _check(address)
    declared = [
        one
        for container in pods.all_containers(pod.spec or core_v1.PodSpec())
        for one in container.ports or ()
    ]
    if port and not port.isdecimal():
        port = next((str(one.container_port) for one in declared if one.name == port), port)
    if not port:
        port = str(declared[0].container_port) if declared else "80"
    if not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise errors.BadRequest(f'invalid port "{port}"')
    return address, port


def _endpoint(call: Call, service: core_v1.Service, port: str) -> tuple[str, str]:
    """An address behind the Service, any of those that are ready."""
    name = service.metadata.name or ""
    if port.isdecimal():
        ports = (service.spec.ports if service.spec else None) or ()
        found = next((one.name or "" for one in ports if one.port == int(port)), None)
        if found is None:
            raise errors.ServiceUnavailable(f'no service port {port} found for service "{name}"')
        port = found
    choices = _in_slices(call, name, port)
    if choices is None:
        choices = _in_endpoints(call, name, port)
    if not choices:
        raise errors.ServiceUnavailable(f'no endpoints available for service "{name}"')
    host, number = call.services.chance.choice(choices)
    _check(host)
    return host, number


def _in_slices(call: Call, service: str, port: str) -> list[tuple[str, str]] | None:
    """What the Service's EndpointSlices say; None where it has none, as when no controller runs."""
    slices: list[discovery_v1.EndpointSlice] = [
        each
        for each in call.services.world.in_namespace(kinds.ENDPOINT_SLICE, call.namespace)
        if (each.metadata.labels or {}).get(SERVICE_NAME) == service and each.address_type in ("IPv4", "IPv6")
    ]
    if not slices:
        return None
    return [
        (endpoint.addresses[0], str(one.port))
        for slice_ in slices
        for one in slice_.ports or ()
        if (one.name or "") == port and one.port is not None
        for endpoint in slice_.endpoints or ()
        if endpoint.conditions is None or endpoint.conditions.ready is not False
    ]


def _in_endpoints(call: Call, service: str, port: str) -> list[tuple[str, str]]:
    endpoints = call.services.world.read(kinds.ENDPOINTS, call.namespace, service)
    return [
        (address.ip, str(one.port))
        for subset in (endpoints.subsets if endpoints else None) or ()
        for one in subset.ports or ()
        if (one.name or "") == port
        for address in subset.addresses or ()
    ]


async def _node(call: Call, name: str, scheme: str, port: str) -> Target:
    """The kubelet, with this server's own certificate; or another port of the node."""
    connection = await call.services.dial.connect(name)
    base = connection.base_url.rstrip("/")
    own, _, own_port = base.rpartition(":")
    if port in ("", own_port):
        return Target(base, connection.tls)
    host = own.partition("://")[2]
    return Target(f"{scheme or 'http'}://{host}:{port}", _unverified() if scheme == "https" else None)


def _check(address: str) -> None:
    """Addresses that say where this server itself is are no Pod's; raises BadRequest."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as error:
        raise errors.BadRequest("address not allowed") from error
    is_own = str(parsed) in ("127.0.0.1", "::1")  # Pods of the process runtime have others of 127.0.0.0/8
    if is_own or parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast:
        raise errors.BadRequest("address not allowed")


@lru_cache(maxsize=1)
def _unverified() -> ssl.SSLContext:
    """As upstream's: a Pod's certificate is nobody's that this server knows."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
