"""The rules of NetworkPolicies (k8s.io/kubernetes/pkg/apis/networking/validation)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import networking_v1

from . import addresses, scheduling
from .metadata import each

SPEC = Path("spec")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")

Policy = networking_v1.NetworkPolicy


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule of either direction: through which ports, and who is at the other end."""

    path: Path
    end: str
    ports: Sequence[networking_v1.NetworkPolicyPort]
    peers: Sequence[networking_v1.NetworkPolicyPeer]


def create(policy: Policy) -> Iterator[FieldError]:
    yield from _spec(policy, kept=())


def update(policy: Policy, old: Policy) -> Iterator[FieldError]:
    """CIDRs that were written before the strict rules may stay, wherever in the policy."""
    blocks = [peer.ip_block for rule in _rules(old) for peer in rule.peers if peer.ip_block is not None]
    kept = {cidr for block in blocks for cidr in (block.cidr, *(block.except_ or ()))}
    yield from _spec(policy, kept=kept)


def warnings(policy: Policy, old: Policy | None) -> Iterator[str]:
    for rule in _rules(policy):
        for index, peer in enumerate(rule.peers):
            if peer.ip_block is None:
                continue
            path = rule.path / rule.end / index / "ipBlock"
            yield from addresses.cidr_warnings(peer.ip_block.cidr, path / "cidr")
            for at, cut in enumerate(peer.ip_block.except_ or ()):
                yield from addresses.cidr_warnings(cut, path / "except" / at)


def _spec(policy: Policy, *, kept: Collection[str]) -> Iterator[FieldError]:
    spec = policy.spec or networking_v1.NetworkPolicySpec()
    if spec.pod_selector is not None:
        yield from scheduling.label_selector(spec.pod_selector, SPEC / "podSelector")
    for rule in _rules(policy):
        for index, port in enumerate(rule.ports):
            yield from _port(port, rule.path / "ports" / index)
        for index, peer in enumerate(rule.peers):
            yield from _peer(peer, rule.path / rule.end / index, kept=kept)
    yield from _types(spec.policy_types or [])


def _rules(policy: Policy) -> Iterator[_Rule]:
    """First those on what comes in, then those on what goes out."""
    spec = policy.spec or networking_v1.NetworkPolicySpec()
    for index, incoming in enumerate(spec.ingress or ()):
        yield _Rule(SPEC / "ingress" / index, "from", incoming.ports or (), incoming.from_ or ())
    for index, outgoing in enumerate(spec.egress or ()):
        yield _Rule(SPEC / "egress" / index, "to", outgoing.ports or (), outgoing.to or ())


def _port(port: networking_v1.NetworkPolicyPort, path: Path) -> Iterator[FieldError]:
    if port.protocol is not None and port.protocol not in _PROTOCOLS:
        yield field.not_supported(path / "protocol", port.protocol, _PROTOCOLS)
    end = port.end_port
    if port.port is None:
        if end is not None:
            yield field.invalid(path / "endPort", end, "may not be specified when `port` is not specified")
    elif isinstance(port.port, int):
        for why in names.port_number(port.port):
            yield field.invalid(path / "port", port.port, why)
        if end is not None:
            if end < port.port:
                yield field.invalid(path / "endPort", end, "must be greater than or equal to `port`")
            for why in names.port_number(end):
                yield field.invalid(path / "endPort", end, why)
    else:
        if end is not None:
            yield field.invalid(path / "endPort", end, "may not be specified when `port` is non-numeric")
        yield from each(names.port_name, port.port, path / "port")


def _peer(
    peer: networking_v1.NetworkPolicyPeer, path: Path, *, kept: Collection[str]
) -> Iterator[FieldError]:
    selectors = {"podSelector": peer.pod_selector, "namespaceSelector": peer.namespace_selector}
    given = {name: selector for name, selector in selectors.items() if selector is not None}
    for name, selector in given.items():
        yield from scheduling.label_selector(selector, path / name)
    if peer.ip_block is not None:
        yield from _block(peer.ip_block, path / "ipBlock", kept=kept)
        if given:
            yield field.forbidden(path, "may not specify both ipBlock and another peer")
    elif not given:
        yield field.required(path, "must specify a peer")


def _block(block: networking_v1.IPBlock, path: Path, *, kept: Collection[str]) -> Iterator[FieldError]:
    if not block.cidr:
        yield field.required(path / "cidr")
        return
    yield from addresses.legacy_cidr(block.cidr, path / "cidr", kept=kept)
    whole = addresses.lenient_cidr(block.cidr)
    if whole is None:
        return
    for index, text in enumerate(block.except_ or ()):
        here = path / "except" / index
        yield from addresses.legacy_cidr(text, here, kept=kept)
        part = addresses.lenient_cidr(text)
        if part is not None and not (
            part.version == whole.version
            and part.network_address in whole
            and part.prefixlen > whole.prefixlen
        ):
            yield field.invalid(here, text, "must be a strict subset of `cidr`")


def _types(given: list[str]) -> Iterator[FieldError]:
    path = SPEC / "policyTypes"
    if len(given) > len(_TYPES):
        yield field.invalid(path, given, "may not specify more than two policyTypes")
        return
    for index, kind in enumerate(given):
        if kind not in _TYPES:
            yield field.not_supported(path / index, kind, _TYPES)
