"""The Pod Security Standards: what each level asks of a Pod, release by release, in upstream's words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api import podsecurity
from podling.api.podsecurity import Standard
from podling.api.types import core_v1

GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(
    *, own: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **spec: Any
) -> core_v1.Pod:
    container = {
        "name": "a",
        **({"securityContext": own} if own is not None else {}),
        **spec.pop("container", {}),
    }
    body: dict[str, Any] = {"containers": [container], **spec}
    if context is not None:
        body["securityContext"] = context
    return msgspec.convert({"spec": body}, core_v1.Pod)


def found(level: str, made: core_v1.Pod, version: str = "latest") -> list[str]:
    return [str(one) for one in podsecurity.judge(Standard(level, version), made)]


BASELINE = [
    (
        pod(context={"appArmorProfile": {"type": "Unconfined"}}),
        'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
    ),
    (
        pod(own={"capabilities": {"add": ["NET_RAW", "CHOWN", "ALL"]}}),
        'non-default capabilities (container "a" must not include "ALL", "NET_RAW" in securityContext.capabilities.add)',
    ),
    (pod(hostNetwork=True, hostPID=True), "host namespaces (hostNetwork=true, hostPID=true)"),
    (pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), 'hostPath volumes (volume "v")'),
    (
        pod(container={"ports": [{"containerPort": 1, "hostPort": 80}]}),
        'hostPort (container "a" uses hostPort 80)',
    ),
    (
        pod(container={"livenessProbe": {"httpGet": {"port": 1, "host": "h"}}}),
        'probe or lifecycle host (container "a" uses probe or lifecycle host "h")',
    ),
    (
        pod(own={"privileged": True}),
        'privileged (container "a" must not set securityContext.privileged=true)',
    ),
    (
        pod(own={"procMount": "Unmasked"}),
        'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ),
    (
        pod(context={"seLinuxOptions": {"type": "spc_t"}}, own={"seLinuxOptions": {"user": "u"}}),
        'seLinuxOptions (pod and container "a" set forbidden securityContext.seLinuxOptions: '
        'type "spc_t"; user may not be set)',
    ),
    (
        pod(own={"seccompProfile": {"type": "Unconfined"}}),
        'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (
        pod(context={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
        "forbidden sysctls (kernel.msgmax)",
    ),
    (
        pod(context={"windowsOptions": {"hostProcess": True}}),
        "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    ),
]
RESTRICTED = [
    (
        pod(own=GOOD | {"allowPrivilegeEscalation": True}),
        'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
    ),
    (
        pod(own=GOOD | {"capabilities": {"add": ["CHOWN", "NET_BIND_SERVICE"]}}),
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; '
        'container "a" must not include "CHOWN" in securityContext.capabilities.add)',
    ),
    (
        pod(
            own=GOOD,
            volumes=[{"name": "v", "nfs": {"server": "s", "path": "/"}}, {"name": "w", "emptyDir": {}}],
        ),
        'restricted volume types (volume "v" uses restricted volume type "nfs")',
    ),
    (
        pod(own=GOOD | {"runAsNonRoot": False}),
        'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)',
    ),
    (
        pod(own={key: value for key, value in GOOD.items() if key != "runAsNonRoot"}),
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
    ),
    (
        pod(own=GOOD, context={"runAsUser": 0}),
        "runAsUser=0 (pod must not set runAsUser=0)",
    ),
    (
        pod(own={key: value for key, value in GOOD.items() if key != "seccompProfile"}),
        'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to '
        '"RuntimeDefault" or "Localhost")',
    ),
]


@pytest.mark.parametrize(
    ("made", "why"), BASELINE, ids=lambda case: case.split(" (")[0] if isinstance(case, str) else ""
)
def test_baseline(made: core_v1.Pod, why: str):
    assert found("baseline", made) == [why]
    assert found("privileged", made) == []


@pytest.mark.parametrize(
    ("made", "why"), RESTRICTED, ids=lambda case: case.split(" (")[0] if isinstance(case, str) else ""
)
def test_restricted(made: core_v1.Pod, why: str):
    assert found("restricted", made) == [why]
    assert found("baseline", made) == []


def test_plain_pod_is_baseline_and_hardened_one_restricted():
    assert found("baseline", pod()) == []
    assert found("restricted", pod(own=GOOD)) == []
    shared = {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost", "localhostProfile": "x"}}
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}
    assert found("restricted", pod(own=own, context=shared)) == []


def test_what_is_restricted_takes_the_place_of_what_is_baseline():
    worst = pod(
        own={
            "privileged": True,
            "capabilities": {"add": ["SYS_ADMIN"]},
            "seccompProfile": {"type": "Unconfined"},
        },
        volumes=[{"name": "v", "hostPath": {"path": "/"}}],
    )
    reasons = [one.reason for one in podsecurity.judge(Standard("restricted"), worst)]
    assert reasons == [
        "privileged",
        "allowPrivilegeEscalation != false",
        "unrestricted capabilities",
        "restricted volume types",
        "runAsNonRoot != true",
        "seccompProfile",
    ]


def test_every_sort_of_container_counts():
    spec = {"initContainers": [{"name": "i"}], "ephemeralContainers": [{"name": "e"}]}
    [first, *_] = found("restricted", pod(own=GOOD, **spec))
    assert 'containers "i", "e" must set securityContext.allowPrivilegeEscalation=false' in first


class TestReleases:
    def test_sysctls_came_one_by_one(self):
        made = pod(context={"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}]})
        assert [bool(found("baseline", made, version)) for version in ("v1.31", "v1.32", "latest")] == [
            True,
            False,
            False,
        ]

    def test_hosts_of_probes_are_looked_at_from_34_on(self):
        made = pod(container={"livenessProbe": {"tcpSocket": {"port": 1, "host": "h"}}})
        assert found("baseline", made, "v1.33") == []
        assert found("baseline", made, "v1.34") != []

    def test_pods_with_users_of_their_own_may_be_root_from_35_on(self):
        own = {key: value for key, value in GOOD.items() if key != "runAsNonRoot"} | {"runAsUser": 0}
        made = pod(own=own, hostUsers=False)
        assert len(found("restricted", made, "v1.34")) == 2
        assert found("restricted", made, "v1.35") == []
        unmasked = pod(own=GOOD | {"procMount": "Unmasked"}, hostUsers=False)
        assert found("baseline", unmasked) == []
        assert len(found("restricted", unmasked)) == 1

    def test_windows_knows_no_linux_hardening(self):
        made = pod(own={"runAsNonRoot": True}, os={"name": "windows"})
        assert found("restricted", made) == []
        assert len(found("restricted", made, "v1.24")) == 3


class TestLabels:
    def policy(self, **labels: str) -> podsecurity.Policy:
        return podsecurity.policy(
            {f"pod-security.kubernetes.io/{key.replace('_', '-')}": v for key, v in labels.items()}
        )

    def test_none_ask_for_nothing(self):
        assert podsecurity.policy(None) == podsecurity.policy({"a": "b"}) == podsecurity.Policy()

    def test_warnings_follow_what_is_enforced(self):
        found = self.policy(enforce="restricted", enforce_version="v1.30")
        assert (str(found.enforce), str(found.warn)) == ("restricted:v1.30", "restricted:v1.30")
        assert str(self.policy(enforce="restricted", warn="baseline").warn) == "baseline:latest"

    def test_wrong_ones_are_told_and_count_as_the_strictest(self):
        found = self.policy(enforce="strict", warn="loud", warn_version="1.30")
        assert [str(fault) for fault in found.faults] == [
            'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": '
            "must be one of privileged, baseline, restricted",
            'metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "loud": '
            "must be one of privileged, baseline, restricted",
            'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.30": '
            'must be "latest" or "v1.x"',
        ]
        assert (found.enforce.level, found.warn.level) == ("restricted", "privileged")
