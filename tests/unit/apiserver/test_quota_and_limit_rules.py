"""What the server refuses of ResourceQuotas and LimitRanges, in upstream's words."""

import msgspec
import pytest

from podling.api.types import core_v1
from podling.apiserver.validation import limit_range, resource_quota


def quota(**spec):
    return msgspec.convert({"metadata": {"name": "q"}, "spec": spec}, core_v1.ResourceQuota)


def limits(*items):
    return msgspec.convert({"metadata": {"name": "l"}, "spec": {"limits": items}}, core_v1.LimitRange)


@pytest.mark.parametrize(
    "hard",
    [
        {"pods": "1", "requests.cpu": "1", "limits.ephemeral-storage": "1Gi", "services.nodeports": "2"},
        {"count/deployments.apps": "1", "requests.nvidia.com/gpu": "2", "requests.hugepages-2Mi": "4Mi"},
        {"gold.storageclass.storage.k8s.io/requests.storage": "5Gi"},
    ],
)
def test_what_can_be_limited(hard):
    assert list(resource_quota.create(quota(hard=hard))) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"hard": {"bananas": "1"}},
            [
                'spec.hard[bananas]: Invalid value: "bananas": must be a standard resource type or fully qualified',
                'spec.hard[bananas]: Invalid value: "bananas": must be a standard resource for quota',
            ],
        ),
        (
            {"hard": {"storage": "1"}},
            ['spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota'],
        ),
        (
            {"hard": {"pods": "-1"}},
            ['spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'],
        ),
        ({"hard": {"pods": "1500m"}}, ['spec.hard[pods]: Invalid value: "1500m": must be an integer']),
        ({"scopes": ["Nope"]}, ['spec.scopes: Invalid value: ["Nope"]: unsupported scope']),
        (
            {"hard": {"cpu": "1"}, "scopes": ["BestEffort"]},
            ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
        ),
        (
            {"scopes": ["Terminating", "NotTerminating"]},
            ['spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes'],
        ),
    ],
)
def test_what_cannot(spec, expected):
    assert [str(fault) for fault in resource_quota.create(quota(**spec))] == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (
            {"scopeName": "PriorityClass", "operator": "In"},
            "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when "
            "`operator` is 'In' or 'NotIn' for scope selector",
        ),
        (
            {"scopeName": "PriorityClass", "operator": "Like"},
            'spec.scopeSelector.matchExpressions.operator: Invalid value: "Like": not a valid selector operator',
        ),
        (
            {"scopeName": "Nope", "operator": "Exists"},
            'spec.scopeSelector.matchExpressions.scopeName: Invalid value: "Nope": unsupported scope',
        ),
    ],
)
def test_scope_selectors_that_make_no_sense(expression, expected):
    given = quota(scopeSelector={"matchExpressions": [expression]})
    assert [str(fault) for fault in resource_quota.create(given)] == [expected]


def test_the_scopes_of_a_quota_stay():
    faults = resource_quota.update(quota(scopes=["BestEffort"]), quota())
    assert [str(fault) for fault in faults] == [
        'spec.scopes: Invalid value: ["BestEffort"]: field is immutable'
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "Container", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "default": {"cpu": "1"}}, []),
        ({"type": "Nope"}, ['type: Invalid value: "Nope": must be a standard limit type or fully qualified']),
        (
            {"type": "Pod", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}},
            [
                "default: Forbidden: may not be specified when `type` is 'Pod'",
                "defaultRequest: Forbidden: may not be specified when `type` is 'Pod'",
            ],
        ),
        (
            {"type": "PersistentVolumeClaim"},
            [
                "limits: Required value: either minimum or maximum storage value is required, but neither was provided"
            ],
        ),
        (
            {"type": "Container", "min": {"cpu": "400m"}, "max": {"cpu": "200m"}},
            ['min[cpu]: Invalid value: "400m": min value 400m is greater than max value 200m'],
        ),
        (
            {"type": "Container", "min": {"cpu": "400m"}, "defaultRequest": {"cpu": "200m"}},
            [
                'defaultRequest[cpu]: Invalid value: "200m": min value 400m is greater than default request value 200m'
            ],
        ),
        (
            {"type": "Container", "default": {"cpu": "2"}, "max": {"cpu": "1"}},
            ['default[cpu]: Invalid value: "1": default value 2 is greater than max value 1'],
        ),
        (
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "500m"}},
            ['maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'],
        ),
        (
            {"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}},
            ['maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000'],
        ),
        (
            {
                "type": "Container",
                "default": {"example.com/x": "2"},
                "defaultRequest": {"example.com/x": "1"},
            },
            [
                'defaultRequest[example.com/x]: Invalid value: "1": default value 2 must equal to defaultRequest '
                "value 1 in example.com/x"
            ],
        ),
    ],
)
def test_limit_ranges(item, expected):
    faults = [str(fault) for fault in limit_range.create(limits(item))]
    assert faults == [f"spec.limits[0].{each}" for each in expected]


def test_a_limit_range_has_each_type_once():
    one = {"type": "Container", "max": {"cpu": "1"}}
    faults = [str(fault) for fault in limit_range.create(limits(one, one))]
    assert faults == ['spec.limits[1].type: Duplicate value: "Container"']
