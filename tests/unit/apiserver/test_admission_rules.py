"""What the server refuses of webhook configurations and admission policies (pkg/apis/admissionregistration/validation)."""

from __future__ import annotations

import msgspec
import pytest

from podling.api import kinds
from podling.api.field import Path
from podling.api.types import admissionregistration_v1 as admission
from podling.apiserver import defaults
from podling.apiserver.defaults.admissionregistration_v1 import DEFAULTS
from podling.apiserver.validation import (
    admission_rules,
    mutating_admission_policy,
    mutating_policy_binding,
    validating_admission_policy,
    validating_policy_binding,
    webhook_clients,
    webhook_configuration,
)

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and "
    "end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
FORM = "; desired format: https://host[/path]"
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}


def said(faults):
    return [str(fault) for fault in faults]


def made(kind, body, name="p"):
    found = msgspec.convert({"metadata": {"name": name}, **body}, kind)
    DEFAULTS[kind.__name__](found)
    return found


def rule(**fields):
    return msgspec.convert(PODS | fields, admission.RuleWithOperations)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (rule(), []),
        (rule(resources=["*", "pods/exec"], scope="Namespaced", operations=["*"]), []),
        (
            rule(operations=[], apiGroups=[], apiVersions=[], resources=[]),
            [f"r.{name}: Required value" for name in ("operations", "apiGroups", "apiVersions", "resources")],
        ),
        (
            rule(operations=["*", "PATCH"], apiGroups=["*", "apps"], apiVersions=["*", ""], scope="All"),
            [
                'r.operations: Invalid value: ["*","PATCH"]: if \'*\' is present, must not specify other operations',
                'r.operations[1]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", '
                '"UPDATE"',
                'r.apiGroups: Invalid value: ["*","apps"]: if \'*\' is present, must not specify other API groups',
                'r.apiVersions: Invalid value: ["*",""]: if \'*\' is present, must not specify other API versions',
                "r.apiVersions[1]: Required value",
                'r.scope: Unsupported value: "All": supported values: "*", "Cluster", "Namespaced"',
            ],
        ),
        (
            rule(resources=["", "pods/*", "pods/exec", "*/scale", "deployments/scale"]),
            [
                "r.resources[0]: Required value",
                "r.resources[2]: Invalid value: \"pods/exec\": if 'pods/*' is present, must not specify pods/exec",
                "r.resources[4]: Invalid value: \"deployments/scale\": if '*/scale' is present, must not specify "
                "deployments/scale",
            ],
        ),
        (
            rule(resources=["*/*", "*", "pods"]),
            [
                'r.resources: Invalid value: ["*/*","*","pods"]: '
                "if '*/*' is present, must not specify other resources",
                'r.resources: Invalid value: ["*/*","*","pods"]: '
                "if '*' is present, must not specify other resources without subresources",
            ],
        ),
    ],
)
def test_rules_on_what_is_asked(given, expected):
    assert said(admission_rules.rule(given, Path("r"))) == expected


def service(**fields):
    fields = {"name": "s", "namespace": "n", "port": 443} | fields
    return msgspec.convert(fields, admission.ServiceReference)


@pytest.mark.parametrize(
    ("url", "to", "expected"),
    [
        ("https://example.com:8443/a/b", None, []),
        (None, service(path="/a/b.c/"), []),
        (None, service(path="/"), []),
        (None, None, ["c: Required value: exactly one of url or service is required"]),
        ("https://a", service(), ["c: Required value: exactly one of url or service is required"]),
        (
            "http://a.com",
            None,
            [f"c.url: Invalid value: \"http\": 'https' is the only allowed URL scheme{FORM}"],
        ),
        ("https:///a", None, [f'c.url: Invalid value: "": host must be specified{FORM}']),
        (
            "https://me:pw@a.com/?q=1#f",
            None,
            [
                'c.url: Invalid value: "me:pw": user information is not permitted in the URL',
                'c.url: Invalid value: "f": fragments are not permitted in the URL',
                'c.url: Invalid value: "q=1": query parameters are not permitted in the URL',
            ],
        ),
        (
            None,
            service(name="", namespace="", port=0, path="a//_"),
            [
                "c.service.name: Required value",
                "c.service.namespace: Required value",
                "c.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
                "c.service.path: Invalid value: \"a//_\": must start with a '/'",
                'c.service.path: Invalid value: "a//_": segment[0] may not be empty',
                'c.service.path: Invalid value: "a//_": segment[1] may not be empty',
                f'c.service.path: Invalid value: "a//_": segment[2]: {SUBDOMAIN}',
            ],
        ),
        (None, service(path="//"), ['c.service.path: Invalid value: "//": segment[0] may not be empty']),
    ],
)
def test_where_a_webhook_is_found(url, to, expected):
    assert said(webhook_clients.client(url, to, Path("c"))) == expected


def test_a_url_that_cannot_be_read_is_told_as_such():
    (fault,) = webhook_clients.client("https://a:b", None, Path("c"))
    assert str(fault).startswith('c.url: Required value: url must be a valid URL: parse "https://a:b": ')


def hook(**fields):
    return {
        "name": "pods.example.com",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://a"},
        "rules": [PODS],
    } | fields


def mutating(*hooks):
    return made(admission.MutatingWebhookConfiguration, {"webhooks": [*hooks]})


def validating(*hooks):
    return made(admission.ValidatingWebhookConfiguration, {"webhooks": [*hooks]})


EFFECTS = '"None", "NoneOnDryRun"'


@pytest.mark.parametrize("kind", [mutating, validating])
@pytest.mark.parametrize(
    ("hooks", "expected"),
    [
        ([], []),
        ([hook(), hook(name="jobs.example.com", timeoutSeconds=30)], []),
        ([hook(name="")], ["webhooks[0].name: Required value"]),
        ([hook(name="A")], [f'webhooks[0].name: Invalid value: "A": {SUBDOMAIN}']),
        (
            [hook(name="a.b")],
            [
                'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by '
                "dots"
            ],
        ),
        ([hook(), hook()], ['webhooks[1].name: Duplicate value: "pods.example.com"']),
        (
            [hook(failurePolicy="Retry", matchPolicy="Some", timeoutSeconds=31)],
            [
                'webhooks[0].failurePolicy: Unsupported value: "Retry": supported values: "Fail", "Ignore"',
                'webhooks[0].matchPolicy: Unsupported value: "Some": supported values: "Equivalent", "Exact"',
                "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            ],
        ),
        (
            [hook(sideEffects="")],
            ["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"],
        ),
        (
            [hook(sideEffects="Some")],
            [f'webhooks[0].sideEffects: Unsupported value: "Some": supported values: {EFFECTS}'],
        ),
        (
            [hook(admissionReviewVersions=[])],
            ["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
        ),
        (
            [hook(admissionReviewVersions=["v2", "v2", "1"])],
            [
                'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
                f'webhooks[0].admissionReviewVersions[2]: Invalid value: "1": {LABEL_1035}',
                'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2","1"]: '
                "must include at least one of v1, v1beta1",
            ],
        ),
        (
            [
                hook(
                    matchConditions=[
                        {"name": "a", "expression": " "},
                        {"name": "", "expression": "true"},
                        {"name": "a", "expression": "true"},
                    ]
                )
            ],
            [
                "webhooks[0].matchConditions[0].expression: Required value",
                "webhooks[0].matchConditions[1].name: Required value",
                'webhooks[0].matchConditions[2].name: Duplicate value: "a"',
            ],
        ),
        (
            [hook(objectSelector={"matchExpressions": [{"key": "a", "operator": "In"}]})],
            [
                "webhooks[0].objectSelector.matchExpressions[0].values: Required value: "
                "must be specified when `operator` is 'In' or 'NotIn'"
            ],
        ),
    ],
)
def test_webhooks(kind, hooks, expected):
    assert said(webhook_configuration.create(kind(*hooks))) == expected


def test_only_what_changes_objects_may_be_called_again():
    asked = hook(reinvocationPolicy="Always")
    assert said(webhook_configuration.create(mutating(asked))) == [
        'webhooks[0].reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", "Never"'
    ]


@pytest.mark.parametrize(
    "old",
    [
        [hook(sideEffects="Some")],
        [hook(admissionReviewVersions=["v2"])],
        [hook(), hook()],
        [hook(matchConditions=[{"name": "", "expression": ""}])],
        [
            hook(
                namespaceSelector={
                    "matchExpressions": [{"key": "a", "operator": "In", "values": ["not a label value"]}]
                }
            )
        ],
    ],
    ids=["side effects", "versions", "names", "conditions", "label values"],
)
def test_what_was_stored_before_a_rule_came_may_stay(old):
    assert said(webhook_configuration.create(validating(*old))) != []
    assert said(webhook_configuration.update(validating(*old), validating(*old))) == []
    assert said(webhook_configuration.update(validating(*old), validating(hook()))) != []


def policy(name="p", **spec):
    spec = {
        "matchConstraints": {"resourceRules": [PODS]},
        "validations": [{"expression": "true"}],
    } | spec
    return made(admission.ValidatingAdmissionPolicy, {"spec": spec}, name)


NEITHER = "validations or auditAnnotations must contain at least one item"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (policy(), []),
        (
            policy(
                paramKind={"apiVersion": "rules.example.com/v1", "kind": "ReplicaLimit"},
                variables=[{"name": "foo", "expression": "object.spec"}],
                auditAnnotations=[{"key": "why", "valueExpression": "'x'"}],
                validations=[{"expression": "true", "message": "no", "reason": "Forbidden"}],
            ),
            [],
        ),
        (policy(matchConstraints=None), ["spec.matchConstraints: Required value"]),
        (policy(matchConstraints={}), ["spec.matchConstraints.resourceRules: Required value"]),
        (
            policy(
                matchConstraints={
                    "matchPolicy": "Some",
                    "resourceRules": [PODS | {"resourceNames": ["a/b", "x", "x"]}],
                }
            ),
            [
                'spec.matchConstraints.matchPolicy: Unsupported value: "Some": supported values: "Equivalent", "Exact"',
                "spec.matchConstraints.resourceRules[0].resourceNames[0]: Invalid value: \"a/b\": may not contain '/'",
                'spec.matchConstraints.resourceRules[0].resourceNames[2]: Duplicate value: "x"',
            ],
        ),
        (
            policy(validations=[]),
            [
                f"spec.validations: Required value: {NEITHER}",
                f"spec.auditAnnotations: Required value: {NEITHER}",
            ],
        ),
        (
            policy(failurePolicy="Retry", paramKind={"apiVersion": "a/b/c", "kind": ""}),
            [
                'spec.failurePolicy: Unsupported value: "Retry": supported values: "Fail", "Ignore"',
                'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
                "spec.paramKind.kind: Required value",
            ],
        ),
        (
            policy(paramKind={"apiVersion": "A/1", "kind": "_"}),
            [
                f'spec.paramKind.apiVersion: Invalid value: "A": {SUBDOMAIN}',
                f'spec.paramKind.apiVersion: Invalid value: "1": {LABEL_1035}',
                'spec.paramKind.kind: Invalid value: "_": may have mixed case, but should otherwise match: '
                f"{LABEL_1035}",
            ],
        ),
        (
            policy(variables=[{"name": " ", "expression": ""}, {"name": "while", "expression": "1"}]),
            [
                "spec.variables[0].name: Required value: name is not specified",
                "spec.variables[0].expression: Required value: expression is not specified",
                'spec.variables[1].name: Invalid value: "while": name is not a valid CEL identifier',
            ],
        ),
        (
            policy(
                validations=[
                    {"expression": " ", "message": " ", "messageExpression": " ", "reason": "Because"},
                    {"expression": "true", "message": "a\nb"},
                ]
            ),
            [
                "spec.validations[0].expression: Required value: expression is not specified",
                'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
                'spec.validations[0].message: Invalid value: " ": message must be non-empty if specified',
                'spec.validations[0].reason: Unsupported value: "Because": supported values: "Forbidden", "Invalid", '
                '"RequestEntityTooLarge"',
                'spec.validations[1].message: Invalid value: "a\\nb": message must not contain line breaks',
            ],
        ),
        (
            policy(
                auditAnnotations=[
                    {"key": "a", "valueExpression": ""},
                    {"key": "a", "valueExpression": "x" * (5 * 1024 + 1)},
                ]
            ),
            [
                "spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified",
                "spec.auditAnnotations[1].valueExpression: Required value: must not exceed 5120 bytes in length",
                'spec.auditAnnotations[1].key: Duplicate value: "a"',
            ],
        ),
    ],
)
def test_policies_that_judge(given, expected):
    assert said(validating_admission_policy.create(given)) == expected
    assert said(validating_admission_policy.update(given, policy())) == expected


def test_the_state_of_a_policy_names_the_expressions_it_warns_of():
    status = {
        "typeChecking": {"expressionWarnings": [{"fieldRef": " ", "warning": ""}]},
        "conditions": [{"type": "Ready", "status": "Maybe", "reason": "", "message": ""}],
    }
    bad = made(admission.ValidatingAdmissionPolicy, {"status": status})
    warning = "status.typeChecking.expressionWarnings[0]"
    assert said(validating_admission_policy.update_status(bad, policy()))[:3] == [
        f"{warning}.warning: Required value",
        f"{warning}.fieldRef: Required value",
        'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
    ]


def bound(**spec):
    spec = {"policyName": "p", "validationActions": ["Deny"]} | spec
    return made(admission.ValidatingAdmissionPolicyBinding, {"spec": spec})


EXCLUSIVE = "Forbidden: name and selector are mutually exclusive"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (bound(), []),
        (
            bound(
                paramRef={"name": "x", "parameterNotFoundAction": "Allow"},
                matchResources={},
                validationActions=["Warn", "Audit"],
            ),
            [],
        ),
        (bound(policyName=""), ["spec.policyName: Required value"]),
        (
            bound(paramRef={}),
            [
                "spec.paramRef: Required value: one of name or selector must be specified",
                "spec.paramRef.parameterNotFoundAction: Required value",
            ],
        ),
        (
            bound(paramRef={"name": "x", "selector": {}, "parameterNotFoundAction": "Wait"}),
            [
                f"spec.paramRef.name: {EXCLUSIVE}",
                f"spec.paramRef.selector: {EXCLUSIVE}",
                'spec.paramRef.parameterNotFoundAction: Unsupported value: "Wait": supported values: "Deny", "Allow"',
            ],
        ),
        (
            bound(validationActions=[]),
            ["spec.validationActions: Required value: at least one validation action is required"],
        ),
        (
            bound(validationActions=["Deny", "Warn", "Warn", "Log"]),
            [
                'spec.validationActions[2]: Duplicate value: "Warn"',
                'spec.validationActions[3]: Unsupported value: "Log": supported values: "Audit", "Deny", "Warn"',
                'spec.validationActions: Invalid value: ["Deny","Warn","Warn","Log"]: must not contain both Deny and '
                "Warn (repeating the same validation failure information in the API response and headers serves no "
                "purpose)",
            ],
        ),
    ],
)
def test_bindings_of_policies_that_judge(given, expected):
    assert said(validating_policy_binding.create(given)) == expected
    assert said(validating_policy_binding.update(given, bound())) == expected


PATCH = {"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}
MERGE = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}


def changing(**spec):
    spec = {
        "matchConstraints": {"resourceRules": [PODS]},
        "mutations": [PATCH],
        "reinvocationPolicy": "Never",
    } | spec
    return made(admission.MutatingAdmissionPolicy, {"spec": spec})


CHANGED = '"*", "CONNECT", "CREATE", "UPDATE"'


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (changing(mutations=[PATCH, MERGE]), []),
        (
            changing(mutations=[], reinvocationPolicy=""),
            [
                "spec.mutations: Required value: mutations must contain at least one item",
                "spec.reinvocationPolicy: Required value",
            ],
        ),
        (
            changing(matchConstraints={"resourceRules": [PODS | {"operations": ["DELETE"]}]}),
            [
                'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: '
                f"{CHANGED}"
            ],
        ),
        (
            changing(
                mutations=[
                    {"patchType": ""},
                    {"patchType": "Merge"},
                    {"patchType": "JSONPatch"},
                    {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": " "}},
                    PATCH | MERGE,
                ]
            ),
            [
                "spec.mutations[0].patchType: Required value",
                'spec.mutations[1].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", '
                '"JSONPatch"',
                "spec.mutations[2].jsonPatch: Required value: must be specified when patchType is JSONPatch",
                "spec.mutations[3].applyConfiguration.expression: Required value",
                'spec.mutations[4].jsonPatch: Invalid value: "{jsonPatch}": '
                "must not be specified when patchType is ApplyConfiguration",
            ],
        ),
    ],
)
def test_policies_that_change(given, expected):
    assert said(mutating_admission_policy.create(given)) == expected
    assert said(mutating_admission_policy.update(given, changing())) == expected


def test_bindings_of_policies_that_change():
    bare = made(admission.MutatingAdmissionPolicyBinding, {})
    late = made(
        admission.MutatingAdmissionPolicyBinding,
        {
            "spec": {
                "policyName": "p",
                "matchResources": {"resourceRules": [PODS | {"operations": ["DELETE"]}]},
            }
        },
    )
    assert said(mutating_policy_binding.create(bare)) == ["spec.policyName: Required value"]
    assert said(mutating_policy_binding.update(late, bare)) == [
        f'spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: {CHANGED}'
    ]


def test_versions_that_differ_in_name_only_share_their_defaults():
    for version in ("v1", "v1beta1", "v1alpha1"):
        kind = next(
            kind
            for kind in kinds.ALL
            if (kind.kind, kind.version) == ("MutatingAdmissionPolicyBinding", version)
        )
        body = msgspec.convert({"spec": {"policyName": "p", "matchResources": {}}}, kind.struct)
        defaults.of(kind)(body)
        assert body.spec.match_resources.match_policy == "Equivalent"
