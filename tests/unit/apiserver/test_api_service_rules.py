"""What the server refuses of APIServices (k8s.io/kube-aggregator/pkg/apis/apiregistration/validation)."""

from __future__ import annotations

import msgspec
import pytest

from podling.api.types import apiregistration_v1
from podling.apiserver.validation import api_service

LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and "
    "end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
REMOTE = {"service": {"namespace": "n", "name": "s", "port": 443}}


def said(faults):
    return [str(fault) for fault in faults]


def service(name="v1.g.io", status=None, **spec):
    spec = {"group": "g.io", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10} | spec
    body = {"metadata": {"name": name}, "spec": spec, "status": status}
    return msgspec.convert(body, apiregistration_v1.APIService)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (service(), []),
        (service("v1.", group=""), []),
        (service(**REMOTE, insecureSkipTLSVerify=True), []),
        (service(**REMOTE, caBundle="AAAA"), []),
        (
            service("v2.g.io"),
            ['metadata.name: Invalid value: "v2.g.io": must be `spec.version+"."+spec.group`: "v1.g.io"'],
        ),
        (
            service("v2.", group="", version="v2"),
            ["spec.group: Required value: only v1 may have an empty group and it better be legacy kube"],
        ),
        (
            service("1.g.io", version="1", groupPriorityMinimum=20001, versionPriority=0),
            [
                f'spec.version: Invalid value: "1": {LABEL_1035}',
                "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000",
                "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
            ],
        ),
        (
            service(caBundle="AAAA", insecureSkipTLSVerify=True),
            [
                'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
                "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
            ],
        ),
        (
            service(service={"port": 0}, caBundle="AAAA", insecureSkipTLSVerify=True),
            [
                "spec.service.namespace: Required value",
                "spec.service.name: Required value",
                "spec.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
                "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
            ],
        ),
    ],
)
def test_api_services(given, expected):
    assert said(api_service.create(given)) == expected
    assert said(api_service.update(given, service())) == expected


def test_the_state_of_an_api_service_is_one_of_three():
    bad = service(status={"conditions": [{"type": "Available", "status": "Maybe"}]})
    assert said(api_service.update_status(bad, service())) == [
        'status.conditions[0].status: Unsupported value: "Maybe": supported values: "True", "False", "Unknown"'
    ]
