"""What a security context may say, in upstream's words. (Source: `pkg/apis/core/validation`.)"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.api.field import Path
from podling.api.types import core_v1
from podling.apiserver.validation import security

REGEX = security.SYSCTL_PATTERN
MALFORMED = f"must have at most 253 characters and match regex {REGEX}"


def pod(
    *, context: dict[str, Any] | None = None, own: dict[str, Any] | None = None, **spec: Any
) -> list[str]:
    container = {"name": "main", **({"securityContext": own} if own is not None else {})}
    body = {"containers": [container], **({"securityContext": context} if context else {}), **spec}
    return [str(fault) for fault in security.pod(msgspec.convert(body, core_v1.PodSpec), Path("spec"))]


def container(**fields: Any) -> list[str]:
    made = msgspec.convert(fields, core_v1.SecurityContext)
    return [str(fault) for fault in security.container(made, Path("securityContext"))]


def sysctls(*names: str) -> dict[str, Any]:
    return {"sysctls": [{"name": name, "value": "1"} for name in names]}


class TestSysctls:
    def test_only_malformed_names_are_told(self):
        found = pod(context=sysctls("foo-", "kernel.shmmax", "safe-and-unsafe", "bar.."))
        assert found == [
            f'spec.securityContext.sysctls[0].name: Invalid value: "foo-": {MALFORMED}',
            f'spec.securityContext.sysctls[3].name: Invalid value: "bar..": {MALFORMED}',
        ]

    def test_slashes_name_the_same(self):
        found = pod(context=sysctls("net.ipv4.tcp_rmem", "net/ipv4/tcp_rmem"))
        assert found == ['spec.securityContext.sysctls[1].name: Duplicate value: "net/ipv4/tcp_rmem"']

    @pytest.mark.parametrize(
        ("name", "shared"),
        [("net.ipv4.tcp_rmem", "hostNetwork"), ("kernel.shm_rmid_forced", "hostIPC")],
    )
    def test_none_of_the_nodes_own_namespaces(self, name: str, shared: str):
        why = f"may not be specified when '{shared}' is true"
        found = pod(context=sysctls(name), **{shared: True})
        assert found == [f'spec.securityContext.sysctls[0].name: Invalid value: "{name}": {why}']


class TestUsers:
    def test_all_of_proc_is_for_pods_with_users_of_their_own(self):
        own = {"procMount": "Unmasked"}
        why = "`hostUsers` must be false to use `Unmasked`"
        path = "spec.containers[0].securityContext.procMount"
        assert pod(own=own) == [f'{path}: Invalid value: "Unmasked": {why}']
        assert pod(own=own, hostUsers=True) == [f'{path}: Invalid value: "Unmasked": {why}']
        assert pod(own=own, hostUsers=False) == []

    @pytest.mark.parametrize("shared", ["hostNetwork", "hostPID", "hostIPC"])
    def test_own_users_go_with_own_namespaces(self, shared: str):
        [found] = pod(hostUsers=False, **{shared: True})
        assert found.endswith(": Forbidden: when `pod.Spec.HostUsers` is false")

    @pytest.mark.parametrize("field", ["runAsUser", "runAsGroup", "fsGroup"])
    @pytest.mark.parametrize("value", [-1, 2**31])
    def test_ids_have_bounds(self, field: str, value: int):
        [found] = pod(context={field: value})
        path = f"spec.securityContext.{field}"
        assert found == f"{path}: Invalid value: {value}: must be between 0 and 2147483647, inclusive"

    def test_policies_are_known_ones(self):
        found = pod(context={"supplementalGroupsPolicy": "Lax", "fsGroupChangePolicy": "Never"})
        assert found == [
            'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Never": '
            'supported values: "Always", "OnRootMismatch"',
            'spec.securityContext.supplementalGroupsPolicy: Unsupported value: "Lax": '
            'supported values: "Merge", "Strict"',
        ]


class TestProfiles:
    @pytest.mark.parametrize(
        ("profile", "fault"),
        [
            ({"type": ""}, "type: Required value: type is required when seccompProfile is set"),
            (
                {"type": "Other"},
                'type: Unsupported value: "Other": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
            ),
            (
                {"type": "Localhost"},
                "localhostProfile: Required value: must be set when seccomp type is Localhost",
            ),
            (
                {"type": "Localhost", "localhostProfile": "../x"},
                "localhostProfile: Invalid value: \"../x\": must not contain '..'",
            ),
            (
                {"type": "Localhost", "localhostProfile": "/x"},
                'localhostProfile: Invalid value: "/x": must be a relative path',
            ),
            (
                {"type": "RuntimeDefault", "localhostProfile": "x"},
                'localhostProfile: Invalid value: "x": can only be set when seccomp type is Localhost',
            ),
        ],
    )
    def test_seccomp(self, profile: dict[str, str], fault: str):
        assert container(seccompProfile=profile) == [f"securityContext.seccompProfile.{fault}"]
        assert pod(context={"seccompProfile": profile}) == [f"spec.securityContext.seccompProfile.{fault}"]

    def test_good_ones(self):
        for profile in ({"type": "Unconfined"}, {"type": "Localhost", "localhostProfile": "a/b.json"}):
            assert container(seccompProfile=profile, appArmorProfile=profile) == []


class TestEscalation:
    """It cannot be forbidden and granted at once."""

    def test_privileged(self):
        [found] = container(allowPrivilegeEscalation=False, privileged=True)
        assert found.endswith("cannot set `allowPrivilegeEscalation` to false and `privileged` to true")

    def test_administration(self):
        [found] = container(allowPrivilegeEscalation=False, capabilities={"add": ["CAP_SYS_ADMIN"]})
        assert found.endswith(
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
        )

    def test_either_alone(self):
        assert container(allowPrivilegeEscalation=False, capabilities={"add": ["NET_ADMIN"]}) == []
        assert container(privileged=True, allowPrivilegeEscalation=True) == []
