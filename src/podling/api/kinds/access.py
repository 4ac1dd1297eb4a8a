"""Groups about who may do what: authentication, authorization, RBAC, certificates."""

from __future__ import annotations

from .row import CREATE, builtin

SELF_SUBJECT_REVIEW = builtin(
    "authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False, verbs=CREATE
)
TOKEN_REQUEST = builtin("authentication.k8s.io/v1", "TokenRequest", "tokenrequests", verbs=())
TOKEN_REVIEW = builtin(
    "authentication.k8s.io/v1", "TokenReview", "tokenreviews", namespaced=False, verbs=CREATE
)

LOCAL_SUBJECT_ACCESS_REVIEW = builtin(
    "authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=CREATE
)
SELF_SUBJECT_ACCESS_REVIEW = builtin(
    "authorization.k8s.io/v1",
    "SelfSubjectAccessReview",
    "selfsubjectaccessreviews",
    namespaced=False,
    verbs=CREATE,
)
SELF_SUBJECT_RULES_REVIEW = builtin(
    "authorization.k8s.io/v1",
    "SelfSubjectRulesReview",
    "selfsubjectrulesreviews",
    namespaced=False,
    verbs=CREATE,
)
SUBJECT_ACCESS_REVIEW = builtin(
    "authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False, verbs=CREATE
)

_RBAC = "rbac.authorization.k8s.io/v1"

CLUSTER_ROLE_BINDING = builtin(
    _RBAC,
    "ClusterRoleBinding",
    "clusterrolebindings",
    namespaced=False,
    create_on_update=True,
    name_rule="path-segment",
)
CLUSTER_ROLE = builtin(
    _RBAC, "ClusterRole", "clusterroles", namespaced=False, create_on_update=True, name_rule="path-segment"
)
ROLE_BINDING = builtin(_RBAC, "RoleBinding", "rolebindings", create_on_update=True, name_rule="path-segment")
ROLE = builtin(_RBAC, "Role", "roles", create_on_update=True, name_rule="path-segment")

CERTIFICATE_SIGNING_REQUEST = builtin(
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    "certificatesigningrequests",
    namespaced=False,
    short=("csr",),
    subresources=("approval", "status"),
    selectable=("spec.signerName",),
)
CLUSTER_TRUST_BUNDLE = builtin(
    "certificates.k8s.io/v1",
    "ClusterTrustBundle",
    "clustertrustbundles",
    namespaced=False,
    selectable=("spec.signerName",),
    unconditional_update=False,
    name_rule="any",
)
CLUSTER_TRUST_BUNDLE_V1BETA1 = builtin(
    "certificates.k8s.io/v1beta1",
    "ClusterTrustBundle",
    "clustertrustbundles",
    namespaced=False,
    selectable=("spec.signerName",),
    storage_version="certificates.k8s.io/v1",
    convert="same",
    unconditional_update=False,
    name_rule="any",
)
_POD_CERTIFICATE_FIELDS = ("spec.signerName", "spec.podName", "spec.nodeName")
POD_CERTIFICATE_REQUEST = builtin(
    "certificates.k8s.io/v1",
    "PodCertificateRequest",
    "podcertificaterequests",
    subresources=("status",),
    selectable=_POD_CERTIFICATE_FIELDS,
    storage_version="certificates.k8s.io/v1beta1",
    convert="same",
    unconditional_update=False,
)
"""Stored as v1beta1, which alone knows all fields of both (`pkixPublicKey`, `proofOfPossession`)."""
POD_CERTIFICATE_REQUEST_V1BETA1 = builtin(
    "certificates.k8s.io/v1beta1",
    "PodCertificateRequest",
    "podcertificaterequests",
    subresources=("status",),
    selectable=_POD_CERTIFICATE_FIELDS,
    unconditional_update=False,
)
