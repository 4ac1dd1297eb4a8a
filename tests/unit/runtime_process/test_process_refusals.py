import dataclasses
from pathlib import Path
from typing import Any

import pytest

from podling.runtime.interface import (
    ContainerConfig,
    Device,
    IdMapping,
    Mount,
    MountPropagation,
    NamespaceOptions,
    SandboxConfig,
    SeccompProfile,
    SecurityContext,
    Unsupported,
)
from podling.runtime.process import refusals
from podling.runtime.process.isolation import Isolation, Mode, choose

SANDBOX = SandboxConfig(name="p", namespace="n", uid="u")
CONTAINER = ContainerConfig(name="c", image="i")
OWNED = (Path("/node/pods"),)


def isolation(mode: Mode) -> Isolation:
    return Isolation(mode, every_id=True, overlay=False, why_not_better={})


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("sysctls", {"sysctls": {"net.core.somaxconn": "1"}}),
        (
            "namespaces.users",
            {"namespaces": NamespaceOptions(users=(IdMapping(host=1, container=0, length=1),))},
        ),
        ("ingress_rate, egress_rate", {"egress_rate": 1}),
        ("security.privileged", {"security": SecurityContext(privileged=True)}),
    ],
)
def test_sandboxes_that_cannot_be_had_are_refused_by_name(what: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        refusals.check_sandbox(dataclasses.replace(SANDBOX, **changes))
    assert caught.value.what == what


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("devices", {"devices": (Device(container_path="/dev/x", host_path="/dev/x"),)}),
        (
            "security.seccomp",
            {"security": SecurityContext(seccomp=SeccompProfile(kind="Localhost", path="/x"))},
        ),
        ("security.apparmor_profile", {"security": SecurityContext(apparmor_profile="mine")}),
        ("security.selinux_options", {"security": SecurityContext(selinux_options={"level": "s0"})}),
        ("security.proc_mount", {"security": SecurityContext(proc_mount="Unmasked")}),
        ("mounts[/x]", {"mounts": (Mount(container_path="/x", image="i"),)}),
        (
            "mounts[/x]",
            {
                "mounts": (
                    Mount(container_path="/x", host_path="/y", propagation=MountPropagation.BIDIRECTIONAL),
                )
            },
        ),
        ("mounts[/]", {"mounts": (Mount(container_path="/", host_path="/y"),)}),
    ],
)
def test_containers_that_cannot_be_had_are_refused_by_name(what: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        refusals.check_container(
            dataclasses.replace(CONTAINER, **changes), isolation(Mode.NAMESPACES), owned=OWNED
        )
    assert caught.value.what == what


def test_only_a_chroot_cannot_show_folders_of_the_machine() -> None:
    config = dataclasses.replace(CONTAINER, mounts=(Mount(container_path="/x", host_path="/var/log"),))
    refusals.check_container(config, isolation(Mode.NAMESPACES), owned=OWNED)
    refusals.check_container(config, isolation(Mode.PLAIN), owned=OWNED)
    with pytest.raises(Unsupported, match="a chroot cannot show /var/log"):
        refusals.check_container(config, isolation(Mode.CHROOT), owned=OWNED)
    own = dataclasses.replace(CONTAINER, mounts=(Mount(container_path="/x", host_path="/node/pods/uid/v"),))
    refusals.check_container(own, isolation(Mode.CHROOT), owned=OWNED)


def test_the_best_way_that_works_is_chosen_and_the_reasons_are_kept() -> None:
    everything = {"namespaces": "", "chroot": "", "every_id": True, "users": True, "overlay": True}
    assert choose(everything).mode is Mode.NAMESPACES
    assert choose(everything, at_most=Mode.CHROOT).mode is Mode.CHROOT
    caged = everything | {"namespaces": "unshare: Operation not permitted", "overlay": False}
    chosen = choose(caged)
    assert (chosen.mode, chosen.why_not_better) == (
        Mode.CHROOT,
        {"namespaces": "unshare: Operation not permitted"},
    )
    assert choose(caged | {"chroot": "not permitted"}).mode is Mode.PLAIN


def test_less_isolation_is_announced_with_more_words() -> None:
    counts = [len(isolation(mode).not_isolated) for mode in (Mode.NAMESPACES, Mode.CHROOT, Mode.PLAIN)]
    assert counts[0] < counts[1]
    assert counts[0] < counts[2]
    assert any(line.startswith("file system") for line in isolation(Mode.PLAIN).not_isolated)
