"""The Pod Security Standards (pure): which of the levels privileged, baseline and restricted a Pod keeps to, and what a namespace asks.

    labels of a namespace -> policy(labels) -> for each of enforce and warn a Standard -> judge(standard, pod) -> findings

A namespace's labels pod-security.kubernetes.io/<mode> and <mode>-version say what is enforced and what is warned of.
(Source: concepts/security/pod-security-admission; k8s.io/pod-security-admission.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from podling.api import field
from podling.api.field import FieldError
from podling.api.types import core_v1

from . import baseline, restricted
from .walk import Case, Finding

__all__ = ["PRIVILEGED", "Finding", "Policy", "Standard", "judge", "policy"]

LEVELS = ("privileged", "baseline", "restricted")
_LABEL = "pod-security.kubernetes.io/"
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")
_LATEST = 1 << 30
_BASELINE, _RESTRICTED = frozenset({"baseline"}), frozenset({"restricted"})
_BOTH = _BASELINE | _RESTRICTED


@dataclass(frozen=True, slots=True)
class _Row:
    """A check, by whose rules it is asked, and from which minor release."""

    check: Callable[[Case], Finding | None]
    levels: frozenset[str]
    since: int = 0


CHECKS = (
    _Row(baseline.apparmor, _BOTH),
    _Row(baseline.capabilities, _BASELINE),
    _Row(baseline.host_namespaces, _BOTH),
    _Row(baseline.host_path_volumes, _BASELINE),
    _Row(baseline.host_ports, _BOTH),
    _Row(baseline.host_probes, _BOTH, 34),
    _Row(baseline.privileged, _BOTH),
    _Row(baseline.proc_mount, _BASELINE),
    _Row(baseline.selinux, _BOTH),
    _Row(baseline.seccomp, _BASELINE, 19),
    _Row(baseline.sysctls, _BOTH),
    _Row(baseline.windows_host_process, _BOTH),
    _Row(restricted.escalation, _RESTRICTED, 8),
    _Row(restricted.capabilities, _RESTRICTED, 22),
    _Row(restricted.proc_mount, _RESTRICTED),
    _Row(restricted.volumes, _RESTRICTED),
    _Row(restricted.non_root, _RESTRICTED),
    _Row(restricted.user, _RESTRICTED, 23),
    _Row(restricted.seccomp, _RESTRICTED, 19),
)
"""In the order in which findings are told."""


@dataclass(frozen=True, slots=True)
class Standard:
    """A level as a release of Kubernetes defines it."""

    level: str = "privileged"
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    @property
    def release(self) -> int:
        return _LATEST if self.version == "latest" else int(self.version.removeprefix("v1."))

    @property
    def strictness(self) -> int:
        return LEVELS.index(self.level)


PRIVILEGED = Standard()


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace asks; ``faults`` are those of its labels, which count as restricted, but warn of nothing."""

    enforce: Standard = PRIVILEGED
    warn: Standard = PRIVILEGED
    faults: tuple[FieldError, ...] = ()


def policy(labels: Mapping[str, str] | None) -> Policy:
    """Of a namespace with these labels."""
    given = {key.removeprefix(_LABEL): text for key, text in (labels or {}).items() if key.startswith(_LABEL)}
    faults = [fault for mode in ("enforce", "audit", "warn") for fault in _faults(mode, given)]
    enforce = _standard("enforce", given, wrong="restricted", usual=PRIVILEGED)
    sound = given.get("enforce") in LEVELS
    warn = _standard("warn", given, wrong="privileged", usual=enforce if sound else PRIVILEGED)
    return Policy(enforce, warn, tuple(faults))


def judge(standard: Standard, pod: core_v1.Pod | core_v1.PodTemplateSpec) -> list[Finding]:
    """Why the Pod does not keep to the standard; empty if it does."""
    if standard.level == "privileged":
        return []
    annotations = (pod.metadata.annotations if pod.metadata else None) or {}
    case = Case(pod.spec or core_v1.PodSpec(), annotations, standard.release)
    asked = (row for row in CHECKS if standard.level in row.levels and row.since <= standard.release)
    return [found for row in asked if (found := row.check(case)) is not None]


def _standard(mode: str, given: Mapping[str, str], *, wrong: str, usual: Standard) -> Standard:
    level, version = given.get(mode, usual.level), given.get(f"{mode}-version", usual.version)
    return Standard(level if level in LEVELS else wrong, version if _is_version(version) else "latest")


def _is_version(text: str) -> bool:
    return text == "latest" or _VERSION.fullmatch(text) is not None


def _faults(mode: str, given: Mapping[str, str]) -> Iterator[FieldError]:
    labels = field.Path("metadata") / "labels"
    level, version = given.get(mode), given.get(f"{mode}-version")
    if level is not None and level not in LEVELS:
        yield field.invalid(labels.key(_LABEL + mode), level, f"must be one of {', '.join(LEVELS)}")
    if version is not None and not _is_version(version):
        yield field.invalid(labels.key(f"{_LABEL}{mode}-version"), version, 'must be "latest" or "v1.x"')
