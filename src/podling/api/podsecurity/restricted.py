"""What the level `restricted` asks beyond `baseline`: a Pod hardened by today's practice.

(Source: concepts/security/pod-security-standards; k8s.io/pod-security-admission `policy`, its words.)
"""

from __future__ import annotations

import msgspec

from .baseline import any_proc_mount, bad_seccomp
from .walk import Case, Finding, listed, plural, quoted, setters

VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)


def escalation(case: Case) -> Finding | None:
    if case.is_windows:
        return None
    bad = case.named(lambda context: context.allow_privilege_escalation is not False)
    what = f"{listed('container', bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", what) if bad else None


def capabilities(case: Case) -> Finding | None:
    if case.is_windows:
        return None
    lists = [(one.name, context.capabilities) for one, context in case.containers()]
    keeping = [name for name, found in lists if "ALL" not in ((found.drop if found else None) or ())]
    added = {name: {*((found.add if found else None) or ())} - {"NET_BIND_SERVICE"} for name, found in lists}
    adding = [name for name, more in added.items() if more]
    told = []
    if keeping:
        told.append(f'{listed("container", keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        names = quoted(sorted({name for more in added.values() for name in more}))
        told.append(
            f"{listed('container', adding)} must not include {names} in securityContext.capabilities.add"
        )
    return Finding("unrestricted capabilities", "; ".join(told)) if told else None


def volumes(case: Case) -> Finding | None:
    sorts = {
        volume.name: {*msgspec.to_builtins(volume)} - {"name"} - VOLUMES for volume in case.spec.volumes or []
    }
    bad = [name for name, sort in sorts.items() if sort]
    if not bad:
        return None
    types = sorted({kind for sort in sorts.values() for kind in sort})
    use = "uses" if len(bad) == 1 else "use"
    what = f"{listed('volume', bad)} {use} restricted volume {plural('type', len(types))} {quoted(types)}"
    return Finding("restricted volume types", what)


def non_root(case: Case) -> Finding | None:
    if case.is_relaxed:
        return None
    shared = case.shared.run_as_non_root
    refusing = case.named(lambda context: context.run_as_non_root is False)
    if refusing or shared is False:
        who = setters(pod=shared is False, containers=refusing)
        return Finding("runAsNonRoot != true", f"{who} must not set securityContext.runAsNonRoot=false")
    silent = [] if shared else case.named(lambda context: context.run_as_non_root is None)
    what = f"pod or {listed('container', silent)} must set securityContext.runAsNonRoot=true"
    return Finding("runAsNonRoot != true", what) if silent else None


def user(case: Case) -> Finding | None:
    if case.is_relaxed:
        return None
    shared_bad = case.shared.run_as_user == 0
    bad = case.named(lambda context: context.run_as_user == 0)
    if not bad and not shared_bad:
        return None
    return Finding("runAsUser=0", f"{setters(pod=shared_bad, containers=bad)} must not set runAsUser=0")


def seccomp(case: Case) -> Finding | None:
    if case.is_windows:
        return None
    if found := bad_seccomp(case, lambda kind: kind in ("RuntimeDefault", "Localhost")):
        return found
    silent = [] if case.shared.seccomp_profile else case.named(lambda c: c.seccomp_profile is None)
    what = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Finding("seccompProfile", f"pod or {listed('container', silent)} {what}") if silent else None


def proc_mount(case: Case) -> Finding | None:
    return any_proc_mount(case)
