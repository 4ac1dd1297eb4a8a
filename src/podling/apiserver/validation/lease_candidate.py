"""The rules of LeaseCandidates (k8s.io/kubernetes/pkg/apis/coordination/validation)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from podling.api import field
from podling.api.field import FieldError, Path
from podling.api.types import coordination_v1beta1

from .lease import strategy
from .metadata import immutable

SPEC = Path("spec")
_NUMBER = "(?:0|[1-9][0-9]{0,18})"
_PRERELEASE = f"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_PRERELEASE}(?:\.{_PRERELEASE})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_NOT_A_VERSION = "must be a valid semantic version"

Version: TypeAlias = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]
_ZERO: Version = (0, 0, 0, True, ())

Candidate = coordination_v1beta1.LeaseCandidate


def create(candidate: Candidate) -> Iterator[FieldError]:
    spec = candidate.spec
    emulated, binary = spec.emulation_version or "", spec.binary_version
    if not spec.lease_name:
        yield field.required(SPEC / "leaseName")
    if emulated and _parse(emulated) is None:
        yield field.invalid(SPEC / "emulationVersion", emulated, _NOT_A_VERSION)
    if not binary:
        yield field.required(SPEC / "binaryVersion")
    elif _parse(binary) is None:
        yield field.invalid(SPEC / "binaryVersion", binary, _NOT_A_VERSION)
    if binary and emulated and (_parse(binary) or _ZERO) < (_parse(emulated) or _ZERO):
        why = "must be greater than or equal to `emulationVersion`"
        yield field.invalid(SPEC / "binaryVersion", binary, why)
    if not spec.strategy:
        yield field.required(SPEC / "strategy")
        return
    if spec.strategy == "OldestEmulationVersion" and (_parse(emulated) or _ZERO) == _ZERO:
        why = "must be specified when `strategy` is 'OldestEmulationVersion'"
        yield field.required(SPEC / "emulationVersion", why)
    yield from strategy(spec.strategy, SPEC / "strategy")


def update(candidate: Candidate, old: Candidate) -> Iterator[FieldError]:
    """Whoever stands for one lease never stands for another."""
    yield from create(candidate)
    yield from immutable(candidate.spec.lease_name, old.spec.lease_name, SPEC / "leaseName")


def _parse(text: str) -> Version | None:
    """What semantic versions are compared by; None for what is none.  A version comes after its prereleases."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, before = found.groups()
    parts = (before or "").split(".") if before else []
    ranked = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
    return int(major), int(minor), int(patch), not before, ranked
