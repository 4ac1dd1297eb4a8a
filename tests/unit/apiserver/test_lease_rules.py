"""What the server refuses of Leases and of those who stand for them (pkg/apis/coordination/validation)."""

from __future__ import annotations

import msgspec
import pytest

from podling.api.types import coordination_v1, coordination_v1beta1
from podling.apiserver.validation import lease, lease_candidate

OLDEST = "OldestEmulationVersion"


def said(faults):
    return [str(fault) for fault in faults]


def held(**spec):
    return msgspec.convert({"metadata": {"name": "l"}, "spec": spec}, coordination_v1.Lease)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (held(), []),
        (held(leaseDurationSeconds=15, leaseTransitions=0, strategy=OLDEST, preferredHolder="me"), []),
        (held(strategy="example.com/mine"), []),
        (
            held(leaseDurationSeconds=0, leaseTransitions=-1),
            [
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            held(strategy="Fastest"),
            [f'spec.strategy.strategy: Unsupported value: "Fastest": supported values: "{OLDEST}"'],
        ),
        (
            held(preferredHolder="me"),
            ["spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"],
        ),
    ],
)
def test_leases(given, expected):
    assert said(lease.create(given)) == expected
    assert said(lease.update(given, held())) == expected


def candidate(**spec):
    spec = {
        "leaseName": "l",
        "binaryVersion": "1.37.0",
        "emulationVersion": "1.36.0",
        "strategy": OLDEST,
    } | spec
    return msgspec.convert({"metadata": {"name": "c"}, "spec": spec}, coordination_v1beta1.LeaseCandidate)


BEHIND = f'spec.binaryVersion: Invalid value: "1.{"9" * 5000}.0": must be greater than or equal to `emulationVersion`'
LESS = "must be greater than or equal to `emulationVersion`"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (candidate(), []),
        (candidate(strategy="example.com/mine", emulationVersion=""), []),
        (candidate(binaryVersion="1.36.0-rc.10", emulationVersion="1.36.0-rc.9"), []),
        (
            candidate(leaseName="", binaryVersion="", emulationVersion="", strategy=""),
            [
                "spec.leaseName: Required value",
                "spec.binaryVersion: Required value",
                "spec.strategy: Required value",
            ],
        ),
        (
            candidate(binaryVersion="v1.37.0", emulationVersion="1.37", strategy="a.io/b"),
            [
                'spec.emulationVersion: Invalid value: "1.37": must be a valid semantic version',
                'spec.binaryVersion: Invalid value: "v1.37.0": must be a valid semantic version',
            ],
        ),
        (
            candidate(binaryVersion=f"1.{'9' * 5000}.0"),
            [
                f'spec.binaryVersion: Invalid value: "1.{"9" * 5000}.0": must be a valid semantic version',
                BEHIND,
            ],
        ),
        (candidate(binaryVersion="1.9.0"), [f'spec.binaryVersion: Invalid value: "1.9.0": {LESS}']),
        (
            candidate(binaryVersion="1.36.0-rc.1"),
            [f'spec.binaryVersion: Invalid value: "1.36.0-rc.1": {LESS}'],
        ),
        (
            candidate(emulationVersion=""),
            [f"spec.emulationVersion: Required value: must be specified when `strategy` is '{OLDEST}'"],
        ),
    ],
)
def test_candidates(given, expected):
    assert said(lease_candidate.create(given)) == expected


def test_a_candidate_stands_for_one_lease_for_good():
    assert said(lease_candidate.update(candidate(leaseName="m"), candidate())) == [
        'spec.leaseName: Invalid value: "m": field is immutable'
    ]
