"""Which sysctls and profiles a node permits, in the kubelet's words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from podling.agent import permits
from podling.agent.permits import BadSysctl, Permits
from podling.api.types import core_v1


def asking(*sysctls: str, **spec: Any) -> core_v1.Pod:
    context = {"sysctls": [{"name": name, "value": "1"} for name in sysctls]}
    body = {"spec": {"containers": [{"name": "main"}], "securityContext": context, **spec}}
    return msgspec.convert(body, core_v1.Pod)


def why(pod: core_v1.Pod, *permitted: str, apparmor: bool = False) -> tuple[str, str] | None:
    found = permits.verdict(pod, Permits(unsafe_sysctls=permitted, apparmor=apparmor))
    return (found.reason, found.message) if found is not None else None


class TestSysctls:
    def test_safe_ones_may_be_set(self):
        assert why(asking("kernel.shm_rmid_forced", "net.ipv4.tcp_rmem", "net/ipv4/tcp_syncookies")) is None

    def test_others_may_not(self):
        forbidden = ("SysctlForbidden", 'forbidden sysctl: "kernel.msgmax" not allowlisted')
        assert why(asking("net.ipv4.tcp_rmem", "kernel.msgmax")) == forbidden

    @pytest.mark.parametrize("permitted", ["kernel.msgmax", "kernel.msg*", "kernel/msg*"])
    def test_unless_they_are_permitted(self, permitted: str):
        assert why(asking("kernel.msgmax"), "net.core.somaxconn", permitted) is None

    def test_pattern_permits_what_begins_so(self):
        assert why(asking("net.core.somaxconn"), "net.ipv4.*") is not None

    def test_slashes_keep_dots_within_a_name(self):
        assert why(asking("net/ipv4/conf/eth0.1/forwarding"), "net.ipv4.conf.eth0/1.*") is None

    @pytest.mark.parametrize(
        ("name", "shared", "namespace"),
        [("kernel.shm_rmid_forced", "hostIPC", "ipc"), ("net.ipv4.tcp_rmem", "hostNetwork", "net")],
    )
    def test_no_setting_of_the_nodes_own_namespaces(self, name: str, shared: str, namespace: str):
        message = f'forbidden sysctl: "{name}" not allowed with host {namespace} enabled'
        assert why(asking(name, **{shared: True})) == ("SysctlForbidden", message)

    @pytest.mark.parametrize("pattern", ["vm.*", "kernel.pid_max", "fs.file-max"])
    def test_setting_that_permits_the_machines_own_is_refused(self, pattern: str):
        with pytest.raises(BadSysctl, match="are not known to be namespaced"):
            permits.check([pattern])

    @pytest.mark.parametrize("pattern", ["", "net.*.x", "*", "net..core", "net.**", "Net.core", "a" * 254])
    def test_setting_that_is_no_name_is_refused(self, pattern: str):
        with pytest.raises(BadSysctl):
            permits.check([pattern])

    def test_settings_that_are_well_formed(self):
        permits.check(
            ["kernel.msg*", "net.ipv4.route.min_pmtu", "fs.mqueue.*", "net/core/somaxconn", "net.*"]
        )


class TestGroups:
    """KEP-3619."""

    def test_strict_groups_need_a_runtime_that_leaves_the_images_out(self):
        strict = asking(securityContext={"supplementalGroupsPolicy": "Strict"})
        found = permits.verdict(strict, Permits(strict_groups=False))
        assert found is not None
        assert found.reason == "SupplementalGroupsPolicyNotSupported"
        assert found.message == "SupplementalGroupsPolicy=Strict is not supported in this node"
        assert permits.verdict(strict, Permits(strict_groups=True)) is None
        merged = asking(securityContext={"supplementalGroupsPolicy": "Merge"})
        assert permits.verdict(merged, Permits(strict_groups=False)) is None


class TestAppArmor:
    """kubelet `pkg/security/apparmor`."""

    def test_profile_needs_a_kernel_that_enforces_it(self):
        context = {"appArmorProfile": {"type": "RuntimeDefault"}}
        message = "Cannot enforce AppArmor: AppArmor is not enabled on the host"
        assert why(asking(securityContext=context)) == ("AppArmor", message)
        assert why(asking(securityContext=context), apparmor=True) is None

    def test_containers_word_goes_over_the_pods(self):
        inner = {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}
        outer = {"appArmorProfile": {"type": "Localhost", "localhostProfile": "x"}}
        assert why(asking(securityContext=outer, containers=[{"name": "main", **inner}])) is None
        assert why(asking(securityContext=outer, initContainers=[{"name": "first"}])) is not None
