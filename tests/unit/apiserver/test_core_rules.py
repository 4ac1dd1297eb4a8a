"""What the server refuses of ReplicationControllers, PodTemplates and Events (pkg/apis/core/validation)."""

from __future__ import annotations

import msgspec
import pytest

from podling.api import kinds
from podling.api.types import core_v1
from podling.apiserver import validation
from podling.apiserver.defaults import core_v1 as defaults
from podling.apiserver.validation import (
    event,
    pod_template,
    replication_controller,
    service_account,
    strict_event,
)

POD = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
NOT_NEGATIVE = "Invalid value: -1: must be greater than or equal to 0"


def said(faults):
    return [str(fault) for fault in faults]


def controller(template=POD, **spec):
    spec = {"selector": {"app": "web"}, "template": template} | spec
    made = msgspec.convert({"metadata": {"name": "rc"}, "spec": spec}, core_v1.ReplicationController)
    defaults.replication_controller(made)
    return made


def pod(**spec):
    return POD | {"spec": POD["spec"] | spec}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (controller(), []),
        (controller(selector={}), []),
        (
            controller(template=None, selector=None, replicas=-1, minReadySeconds=-1),
            [
                f"spec.minReadySeconds: {NOT_NEGATIVE}",
                "spec.selector: Required value",
                f"spec.replicas: {NOT_NEGATIVE}",
                "spec.template: Required value",
            ],
        ),
        (
            controller(selector={"app": "db"}),
            [
                'spec.template.metadata.labels: Invalid value: {"app":"web"}: '
                "`selector` does not match template `labels`"
            ],
        ),
        (
            controller(pod(restartPolicy="Never", activeDeadlineSeconds=5)),
            [
                'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
                "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is "
                "not Supported",
            ],
        ),
    ],
)
def test_controllers(given, expected):
    assert said(replication_controller.create(given)) == expected
    assert said(replication_controller.update(given, controller())) == expected


def counted(**status):
    return msgspec.convert({"metadata": {"name": "rc"}, "status": status}, core_v1.ReplicationController)


MORE = "cannot be greater than status.replicas"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (counted(replicas=2, fullyLabeledReplicas=2, readyReplicas=2, availableReplicas=1), []),
        (
            counted(replicas=-1, observedGeneration=-1),
            [
                f"status.replicas: {NOT_NEGATIVE}",
                f"status.observedGeneration: {NOT_NEGATIVE}",
                *(
                    f"status.{name}: Invalid value: 0: {MORE}"
                    for name in ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
                ),
            ],
        ),
        (
            counted(replicas=1, readyReplicas=1, availableReplicas=2),
            [
                f"status.availableReplicas: Invalid value: 2: {MORE}",
                "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
            ],
        ),
    ],
)
def test_what_a_controller_counts(given, expected):
    assert said(replication_controller.update_status(given, controller())) == expected


def test_templates_of_pods():
    def template(spec):
        made = msgspec.convert({"metadata": {"name": "t"}, "template": spec}, core_v1.PodTemplate)
        defaults.pod_template(made)
        return made

    bad = template({"metadata": {"labels": {"app": "not a value"}}, "spec": {"containers": []}})
    assert said(pod_template.create(template(POD))) == []
    found = said(pod_template.update(bad, template(POD)))
    assert found[0].startswith('template.labels: Invalid value: "not a value"')
    assert found[1:] == ["template.spec.containers: Required value"]
    assert said(pod_template.create(template(None)))[0] == "template.spec.containers: Required value"


def old(namespace="default", about="default", **fields):
    body = {
        "metadata": {"name": "e", "namespace": namespace},
        "involvedObject": {"namespace": about},
        **fields,
    }
    return msgspec.convert(body, core_v1.Event)


def new(namespace="default", about="default", **fields):
    fields = {
        "eventTime": "2024-05-01T12:00:00.000000Z",
        "reportingComponent": "example.com/c",
        "reportingInstance": "c-1",
        "action": "Start",
        "reason": "Started",
        "type": "Normal",
    } | fields
    return old(namespace, about, **fields)


MISMATCH = 'involvedObject.namespace: Invalid value: "{}": does not match event.namespace'


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (old(), []),
        (old(about=""), []),
        (old("kube-system", ""), [MISMATCH.format("")]),
        (old("a", "b"), [MISMATCH.format("b")]),
        (new(), []),
        (new("kube-system", ""), []),
        (new("a", "b"), []),
        (new("a", ""), [MISMATCH.format("")]),
        (
            new(reportingInstance="", action="", reason="", message="x" * 1025),
            [
                "reportingInstance: Required value",
                "action: Required value",
                "reason: Required value",
                'message: Invalid value: "": can have at most 1024 characters',
            ],
        ),
        (
            new(reportingInstance="x" * 129, action="x" * 129, reason="x" * 129),
            [
                f'{name}: Invalid value: "": can have at most 128 characters'
                for name in ("reportingInstance", "action", "reason")
            ],
        ),
    ],
)
def test_events(given, expected):
    assert said(event.create(given)) == expected
    assert said(event.update(given, old())) == expected


def test_who_reports_is_called_as_the_api_that_was_asked_calls_it():
    silent = new(reportingComponent="")
    assert said(event.create(silent))[0] == "reportingComponent: Required value"
    assert said(strict_event.create(silent))[0] == "reportingController: Required value"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (new(), []),
        (new(series={"count": 2, "lastObservedTime": "2024-05-01T12:00:00.000000Z"}), []),
        (
            new(series={"count": 1}),
            [
                'series.count: Invalid value: "": should be at least 2',
                "series.lastObservedTime: Required value",
            ],
        ),
        (
            old(type="Info"),
            ["eventTime: Required value", 'type: Invalid value: "": has invalid value: Info'],
        ),
        (
            new(
                firstTimestamp="2024-05-01T12:00:00Z",
                lastTimestamp="2024-05-01T12:00:00Z",
                count=1,
                source={"host": "n1"},
            ),
            [
                f'{name}: Invalid value: "": needs to be unset'
                for name in ("firstTimestamp", "lastTimestamp", "count", "source")
            ],
        ),
    ],
)
def test_events_of_the_newer_api(given, expected):
    assert said(strict_event.create(given)) == expected


def test_only_the_series_of_an_event_changes_by_the_newer_api():
    later = new(series={"count": 2, "lastObservedTime": "2024-05-01T12:00:00.000000Z"})
    assert said(strict_event.update(later, new())) == []
    assert said(strict_event.update(new(type="Warning", action="Stop"), new())) == [
        'type: Invalid value: "Warning": field is immutable',
        'action: Invalid value: "Stop": field is immutable',
    ]
    assert said(event.update(new(type="Warning"), new())) == []


def test_each_api_of_events_has_its_own_rules():
    by_core = validation.of(kinds.EVENT, served=kinds.EVENT)
    by_events = validation.of(kinds.EVENT, served=kinds.EVENT_EVENTS_V1)
    assert (by_core.create, by_events.create) == (event.create, strict_event.create)


def test_who_begins_to_enforce_mountable_secrets_is_told_not_to():
    old = msgspec.convert({"metadata": {"name": "a"}}, core_v1.ServiceAccount)
    enforcing = msgspec.convert(
        {"metadata": {"name": "a", "annotations": {service_account.ENFORCE_SECRETS: "true"}}},
        core_v1.ServiceAccount,
    )
    told = (
        "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces "
        "to isolate access to mounted secrets"
    )
    assert [*service_account.warnings(enforcing, None)] == [told]
    assert [*service_account.warnings(enforcing, old)] == [told]
    assert [*service_account.warnings(enforcing, enforcing)] == []
    assert [*service_account.warnings(old, None)] == []
