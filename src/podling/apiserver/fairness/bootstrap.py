"""The FlowSchemas and priority levels that every cluster has (k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap).

Two of each are mandatory: what they say cannot be changed. The others are suggestions, kept as they are here for as long as their annotation
`apf.kubernetes.io/autoupdate-spec` is "true".
"""

from __future__ import annotations

from collections.abc import Iterable

from podling.api.types import flowcontrol_v1, meta_v1

AUTOUPDATE = "apf.kubernetes.io/autoupdate-spec"
EXEMPT, CATCH_ALL = "exempt", "catch-all"

Schema = flowcontrol_v1.FlowSchema
Level = flowcontrol_v1.PriorityLevelConfiguration
Subject = flowcontrol_v1.Subject

BY_USER, BY_NAMESPACE = "ByUser", "ByNamespace"
LEASES = (["get", "create", "update"], ["coordination.k8s.io"], ["leases"], False)
ENDPOINTS = (["get", "create", "update"], [""], ["endpoints"], False)
ALL = (["*"], ["*"], ["*"], True)

_Rule = tuple[list[str], list[str], list[str], bool]

_LEVELS = {
    "system": (30, 33, (64, 6)),
    "node-high": (40, 25, (64, 6)),
    "leader-election": (10, 0, (16, 4)),
    "workload-high": (40, 50, (128, 6)),
    "workload-low": (100, 90, (128, 6)),
    "global-default": (20, 50, (128, 6)),
}
"""Name -> shares, percentage that is lent, and (queues, hand)."""
QUEUE_LENGTH = 50
_EVERYBODY = ("system:unauthenticated", "system:authenticated")


def mandatory_levels() -> list[Level]:
    exempt = flowcontrol_v1.PriorityLevelConfigurationSpec(
        type="Exempt",
        exempt=flowcontrol_v1.ExemptPriorityLevelConfiguration(
            nominal_concurrency_shares=0, lendable_percent=0
        ),
    )
    reject = flowcontrol_v1.LimitResponse(type="Reject")
    return [Level(metadata=_meta(EXEMPT), spec=exempt), _limited(CATCH_ALL, 5, 0, reject)]


def levels() -> list[Level]:
    """Mandatory ones first."""
    found = mandatory_levels()
    for name, (shares, lendable, (queues, hand)) in _LEVELS.items():
        queuing = flowcontrol_v1.QueuingConfiguration(
            queues=queues, hand_size=hand, queue_length_limit=QUEUE_LENGTH
        )
        found.append(
            _limited(name, shares, lendable, flowcontrol_v1.LimitResponse(type="Queue", queuing=queuing))
        )
    return found


def mandatory_schemas() -> list[Schema]:
    return [
        _everything(EXEMPT, EXEMPT, 1, "", _groups("system:masters")),
        _everything(CATCH_ALL, CATCH_ALL, 10000, BY_USER, _groups(*_EVERYBODY)),
    ]


def schemas() -> list[Schema]:
    """Mandatory ones first."""
    everybody = _groups(*_EVERYBODY)
    managers = _users("system:kube-controller-manager")
    schedulers = _users("system:kube-scheduler")
    system = _accounts("*")
    nodes = _groups("system:nodes")
    node_rules: list[_Rule] = [
        (["*"], [""], ["nodes", "nodes/status"], True),
        (["*"], ["coordination.k8s.io"], ["leases"], False),
    ]
    probes = flowcontrol_v1.PolicyRulesWithSubjects(
        subjects=everybody,
        non_resource_rules=[
            flowcontrol_v1.NonResourcePolicyRule(
                verbs=["get"], non_resource_urls=["/healthz", "/readyz", "/livez"]
            )
        ],
    )
    endpoint_makers = managers + _accounts("endpoint-controller", "endpointslicemirroring-controller")
    return [
        *mandatory_schemas(),
        _schema("probes", EXEMPT, 2, "", probes),
        _schema(
            "system-leader-election",
            "leader-election",
            100,
            BY_USER,
            _rules(managers + schedulers + system, [LEASES]),
        ),
        _schema("endpoint-controller", "workload-high", 150, BY_USER, _rules(endpoint_makers, [ENDPOINTS])),
        _schema("workload-leader-election", "leader-election", 200, BY_USER, _rules(system, [LEASES])),
        _schema("system-node-high", "node-high", 400, BY_USER, _rules(nodes, node_rules)),
        _everything("system-nodes", "system", 500, BY_USER, nodes),
        _everything("kube-controller-manager", "workload-high", 800, BY_NAMESPACE, managers),
        _everything("kube-scheduler", "workload-high", 800, BY_NAMESPACE, schedulers),
        _everything("kube-system-service-accounts", "workload-high", 900, BY_NAMESPACE, system),
        _everything("service-accounts", "workload-low", 9000, BY_USER, _groups("system:serviceaccounts")),
        _everything("global-default", "global-default", 9900, BY_USER, everybody),
    ]


def _limited(name: str, shares: int, lendable: int, response: flowcontrol_v1.LimitResponse) -> Level:
    limited = flowcontrol_v1.LimitedPriorityLevelConfiguration(
        nominal_concurrency_shares=shares, lendable_percent=lendable, limit_response=response
    )
    spec = flowcontrol_v1.PriorityLevelConfigurationSpec(type="Limited", limited=limited)
    return Level(metadata=_meta(name), spec=spec)


def _everything(name: str, level: str, precedence: int, method: str, subjects: list[Subject]) -> Schema:
    """Whatever these ask for."""
    rules = _rules(subjects, [ALL])
    rules.non_resource_rules = [flowcontrol_v1.NonResourcePolicyRule(verbs=["*"], non_resource_urls=["*"])]
    return _schema(name, level, precedence, method, rules)


def _schema(
    name: str, level: str, precedence: int, method: str, rules: flowcontrol_v1.PolicyRulesWithSubjects
) -> Schema:
    spec = flowcontrol_v1.FlowSchemaSpec(
        distinguisher_method=flowcontrol_v1.FlowDistinguisherMethod(type=method) if method else None,
        matching_precedence=precedence,
        priority_level_configuration=flowcontrol_v1.PriorityLevelConfigurationReference(name=level),
        rules=[rules],
    )
    return Schema(metadata=_meta(name), spec=spec)


def _rules(subjects: list[Subject], rules: Iterable[_Rule]) -> flowcontrol_v1.PolicyRulesWithSubjects:
    return flowcontrol_v1.PolicyRulesWithSubjects(
        subjects=subjects,
        resource_rules=[
            flowcontrol_v1.ResourcePolicyRule(
                verbs=verbs,
                api_groups=groups,
                resources=resources,
                namespaces=["*"],
                cluster_scope=cluster or None,
            )
            for verbs, groups, resources, cluster in rules
        ],
    )


def _meta(name: str) -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, annotations={AUTOUPDATE: "true"})


def _groups(*names: str) -> list[Subject]:
    return [Subject(kind="Group", group=flowcontrol_v1.GroupSubject(name=name)) for name in names]


def _users(*names: str) -> list[Subject]:
    return [Subject(kind="User", user=flowcontrol_v1.UserSubject(name=name)) for name in names]


def _accounts(*names: str) -> list[Subject]:
    """ServiceAccounts of kube-system; "*" is all of them."""
    return [
        Subject(
            kind="ServiceAccount",
            service_account=flowcontrol_v1.ServiceAccountSubject(name=name, namespace="kube-system"),
        )
        for name in names
    ]
