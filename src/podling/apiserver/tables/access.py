"""Bindings of roles, and requests for certificates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from podling.api import times

from .layout import AGE, NAME, NONE, Cells, Column, Layout, age, labels, name, wide

if TYPE_CHECKING:
    from podling.api.types.certificates_v1 import CertificateSigningRequest, ClusterTrustBundle
    from podling.api.types.certificates_v1beta1 import PodCertificateRequest
    from podling.api.types.rbac_v1 import ClusterRoleBinding, RoleBinding, Subject


def _binding(obj: RoleBinding | ClusterRoleBinding, now: float) -> Cells:
    return [
        name(obj),
        f"{obj.role_ref.kind}/{obj.role_ref.name}",
        age(obj, now),
        *(_subjects(obj.subjects or (), kind) for kind in ("User", "Group", "ServiceAccount")),
    ]


def _subjects(subjects: Iterable[Subject], kind: str) -> str:
    return ", ".join(
        f"{subject.namespace}/{subject.name}"
        if kind == "ServiceAccount" and subject.namespace
        else subject.name
        for subject in subjects
        if subject.kind == kind
    )


BINDINGS = Layout(
    (
        NAME,
        Column("Role", "The role that is given."),
        AGE,
        wide("Users", "Users that have it."),
        wide("Groups", "Groups that have it."),
        wide("ServiceAccounts", "ServiceAccounts that have it."),
    ),
    _binding,
)


def _signing_request(obj: CertificateSigningRequest, now: float) -> Cells:
    spec = obj.spec
    seconds = spec.expiration_seconds
    return [
        name(obj),
        age(obj, now),
        spec.signer_name or NONE,
        spec.username or "",
        NONE if seconds is None else times.human_duration(seconds),
        _signing_state(obj),
    ]


def _signing_state(obj: CertificateSigningRequest) -> str:
    types = {condition.type for condition in (obj.status.conditions if obj.status else None) or ()}
    state = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    if "Failed" in types:
        state += ",Failed"
    if obj.status is not None and obj.status.certificate:
        state += ",Issued"
    return state


CERTIFICATE_SIGNING_REQUESTS = Layout(
    (
        NAME,
        AGE,
        Column("SignerName", "Who is asked to sign."),
        Column("Requestor", "Who asks."),
        Column("RequestedDuration", "For how long."),
        Column("Condition", "How the request stands."),
    ),
    _signing_request,
)


def _trust_bundle(obj: ClusterTrustBundle, now: float) -> Cells:
    return [name(obj), obj.spec.signer_name or NONE]


CLUSTER_TRUST_BUNDLES = Layout(
    (NAME, Column("SignerName", "Whose certificates are to be trusted.")), _trust_bundle
)


def _pod_certificate(obj: PodCertificateRequest, now: float) -> Cells:
    spec = obj.spec
    types = [item.type for item in (obj.status.conditions if obj.status else None) or ()]
    states = [type for type in types if type in ("Issued", "Denied", "Failed")]
    return [
        name(obj),
        spec.pod_name,
        spec.service_account_name,
        spec.node_name,
        spec.signer_name,
        states[-1] if states else "Pending",
        labels(spec.unverified_user_annotations),
    ]


POD_CERTIFICATE_REQUESTS = Layout(
    (
        NAME,
        Column("PodName", "The Pod it is for."),
        Column("ServiceAccountName", "That Pod's account."),
        Column("NodeName", "That Pod's node."),
        Column("SignerName", "Who is asked to sign."),
        Column("State", "How the request stands."),
        Column("UnverifiedUserAnnotations", "What the Pod's author adds for the signer."),
    ),
    _pod_certificate,
)
