"""A short notation for roles: space-separated words, groups by comma, "" written as ``core``."""

from __future__ import annotations

from podling.api.types import meta_v1, rbac_v1

READ = "get list watch"
WRITE = "create update patch delete deletecollection"
READ_WRITE = f"{READ} {WRITE}"

LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
API_GROUP = "rbac.authorization.k8s.io"


def rule(verbs: str, groups: str, resources: str, *names: str) -> rbac_v1.PolicyRule:
    """``verbs`` on ``resources`` of ``groups``, on objects of these ``names`` only if any are given."""
    return rbac_v1.PolicyRule(
        verbs=verbs.split(),
        api_groups=["" if group == "core" else group for group in groups.split(",")],
        resources=resources.split(),
        resource_names=list(names) or None,
    )


def urls(verbs: str, paths: str) -> rbac_v1.PolicyRule:
    """``verbs`` on paths that are no resources."""
    return rbac_v1.PolicyRule(verbs=verbs.split(), non_resource_urls=paths.split())


def events() -> rbac_v1.PolicyRule:
    """Writing Events, which every component does."""
    return rule("create patch update", "core,events.k8s.io", "events")


def metadata(
    name: str, *, namespace: str | None = None, labels: dict[str, str] | None = None
) -> meta_v1.ObjectMeta:
    """Metadata of a bootstrap object, with further ``labels``."""
    return meta_v1.ObjectMeta(
        name=name, namespace=namespace, labels={**LABELS, **(labels or {})}, annotations=dict(ANNOTATIONS)
    )


def cluster_role(
    name: str, *rules: rbac_v1.PolicyRule, labels: dict[str, str] | None = None
) -> rbac_v1.ClusterRole:
    return rbac_v1.ClusterRole(metadata=metadata(name, labels=labels), rules=list(rules))


def aggregate(name: str, label: str, *, labels: dict[str, str] | None = None) -> rbac_v1.ClusterRole:
    """A ClusterRole made of all that carry ``label`` = "true"."""
    selector = meta_v1.LabelSelector(match_labels={label: "true"})
    role = cluster_role(name, labels=labels)
    role.rules = None
    role.aggregation_rule = rbac_v1.AggregationRule(cluster_role_selectors=[selector])
    return role


def role(namespace: str, name: str, *rules: rbac_v1.PolicyRule) -> rbac_v1.Role:
    return rbac_v1.Role(metadata=metadata(name, namespace=namespace), rules=list(rules))
