"""VolumeBinding: a Pod goes where its volumes can be used, or where volumes for its claims are free or can be made.

Claims of a class that waits for its first consumer are bound with the Pod: ``plan`` says to what, for the node that was chosen.
All other claims must be bound before (KEP-490, volume topology-aware scheduling).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from podling.api.storage import claims, marks, matching
from podling.api.types import core_v1, storage_v1
from podling.scheduler.framework import Cause, Plugin, Query, Rejection
from podling.scheduler.snapshot import Mask, Snapshot
from podling.scheduler.storage import Claim, Plan, Volume, key_of

from . import node_affinity

UNREACHED = "node(s) didn't match PersistentVolume's node affinity"
NONE_FREE = "node(s) didn't find available persistent volumes to bind"
GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


def refusal(query: Query, snapshot: Snapshot) -> str:
    """What about the Pod's claims keeps it from every node."""
    pod, storage = query.pod, snapshot.storage
    for use in claims.of_pod(pod):
        claim = storage.claims.get(key_of(pod, use.claim))
        if claim is None and use.owned:
            return (
                f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{use.claim}"'
            )
        if claim is None:
            return f'persistentvolumeclaim "{use.claim}" not found'
        if claim.status is not None and claim.status.phase == "Lost":
            name = claims.volume_name(claim)
            return f'persistentvolumeclaim "{use.claim}" bound to non-existent persistentvolume "{name}"'
        if claim.metadata.deletion_timestamp is not None:
            return f'persistentvolumeclaim "{use.claim}" is being deleted'
        if use.owned and not claims.is_for(pod, claim):
            return claims.not_for(pod, claim)
    return UNBOUND if storage.needs(pod).immediate else ""


def rejections(query: Query, snapshot: Snapshot) -> Iterable[Rejection]:
    if not query.demand.claims:
        return
    needs = snapshot.storage.needs(query.pod)
    volumes = [snapshot.storage.volume_of(claim) for claim in needs.bound]
    reached = np.ones(snapshot.rows, dtype=np.bool_)
    for volume in volumes:
        if volume is not None:
            reached &= reach(volume, snapshot)
    if not reached.all():
        yield Rejection(~reached, UNREACHED, final=True)
    if needs.waiting:
        yield Rejection(~_servable(needs.waiting, snapshot), NONE_FREE, final=True)
    if None in volumes:
        yield Rejection(np.ones(snapshot.rows, dtype=np.bool_), GONE, final=True)


def reach(volume: Volume, snapshot: Snapshot) -> Mask:
    """The nodes on which the volume can be used."""
    affinity = volume.spec.node_affinity if volume.spec else None
    if affinity is None or affinity.required is None:
        return np.ones(snapshot.rows, dtype=np.bool_)
    reached = np.zeros(snapshot.rows, dtype=np.bool_)
    for term in affinity.required.node_selector_terms:
        reached |= node_affinity.matching(term, snapshot)
    return reached


def plan(query: Query, snapshot: Snapshot, node: str) -> Plan:
    """What is to be bound and made for the Pod on the node that was found to fit."""
    waiting = snapshot.storage.needs(query.pod).waiting
    row = snapshot.index.get(node)
    if not waiting or row is None:
        return Plan(node)
    chosen = _choose(waiting, row, _offers(waiting, snapshot), snapshot)
    dynamic = tuple(claim for claim in waiting if key_of(claim) not in chosen)
    return Plan(node, tuple(chosen.values()), dynamic)


_Offers = dict[str, list[tuple[Volume, Mask]]]
"""For each claim the volumes that could serve it somewhere, and where they can be used."""


def _servable(waiting: list[Claim], snapshot: Snapshot) -> Mask:
    """The nodes where each claim finds a free volume of its own, or can have one made."""
    makeable = {key_of(claim): _makeable(claim, snapshot) for claim in waiting}
    offers = _offers(waiting, snapshot)
    if not any(offers.values()):
        return np.asarray(np.logical_and.reduce([*makeable.values()]))
    served = np.zeros(snapshot.rows, dtype=np.bool_)
    for row in np.flatnonzero(snapshot.alive[: snapshot.rows]):
        chosen = _choose(waiting, int(row), offers, snapshot)
        served[row] = all(key in chosen or makeable[key][row] for key in makeable)
    return served


def _offers(waiting: list[Claim], snapshot: Snapshot) -> _Offers:
    offers: _Offers = {}
    for claim in waiting:
        free = [] if snapshot.storage.node_of(claim) else snapshot.storage.candidates(claim)
        fitting = [volume for volume in free if matching.best(claim, [volume], reaches=lambda _: True)]
        offers[key_of(claim)] = [(volume, reach(volume, snapshot)) for volume in fitting]
    return offers


def _choose(
    waiting: list[Claim], row: int, offers: _Offers, snapshot: Snapshot
) -> dict[str, tuple[Claim, Volume]]:
    """A volume for each claim that finds one on the node of ``row``; small claims choose first."""
    chosen: dict[str, tuple[Claim, Volume]] = {}
    for claim in sorted(waiting, key=claims.asked):
        here = {volume.metadata.name: volume for volume, mask in offers[key_of(claim)] if mask[row]}
        taken = {volume.metadata.name or "" for _, volume in chosen.values()}
        found = matching.best(claim, here.values(), reaches=lambda _: True, taken=taken)
        if found is not None:
            chosen[key_of(claim)] = (claim, found)
    return chosen


def _makeable(claim: Claim, snapshot: Snapshot) -> Mask:
    """The nodes for which the claim's class can make a volume."""
    nodes = np.zeros(snapshot.rows, dtype=np.bool_)
    found = snapshot.storage.classes.get(claims.class_of(claim))
    if found is None or found.provisioner in ("", marks.NO_PROVISIONER):
        return nodes
    node = snapshot.storage.node_of(claim)
    if node:
        row = snapshot.index.get(node)
        if row is not None:
            nodes[row] = True
        return nodes
    return _topologies(found, snapshot)


def _topologies(found: storage_v1.StorageClass, snapshot: Snapshot) -> Mask:
    if not found.allowed_topologies:
        return np.ones(snapshot.rows, dtype=np.bool_)
    nodes = np.zeros(snapshot.rows, dtype=np.bool_)
    for term in found.allowed_topologies:
        needed = [
            core_v1.NodeSelectorRequirement(key=each.key, operator="In", values=each.values)
            for each in term.match_label_expressions or ()
        ]
        nodes |= node_affinity.matching(core_v1.NodeSelectorTerm(match_expressions=needed), snapshot)
    return nodes


PLUGIN = Plugin(
    name="VolumeBinding",
    prefilter=refusal,
    filter=rejections,
    retry_on=frozenset(
        {
            *(Cause.NODE_ADDED, Cause.NODE_LABELS, Cause.POD_CHANGED),
            *(Cause.CLAIM_CHANGED, Cause.VOLUME_CHANGED, Cause.CLASS_CHANGED),
        }
    ),
)
