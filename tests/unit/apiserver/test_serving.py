"""Which versions are served (k8s.io/apiserver/pkg/server/resourceconfig, `--runtime-config`)."""

from __future__ import annotations

import pytest

from podling.api import kinds
from podling.apiserver.serving import BadRuntimeConfig, served


def test_stable_versions_and_no_others_are_served_unless_asked_for() -> None:
    assert served({}) == tuple(row for row in kinds.ALL if row.served_by_default)
    assert kinds.DEVICE_CLASS_V1BETA1 not in served({})


def test_everything_or_one_stage_may_be_asked_for() -> None:
    assert served({"api/all": "true"}) == kinds.ALL
    beta = served({"api/beta": ""})
    assert kinds.DEVICE_CLASS_V1BETA1 in beta
    assert kinds.DEVICE_TAINT_RULE_V1ALPHA3 not in beta


def test_the_more_special_wish_wins() -> None:
    found = served(
        {
            "api/all": "false",
            "resource.k8s.io/v1": "true",
            "resource.k8s.io/v1/deviceclasses": "false",
            "api/v1/pods": "true",
        }
    )
    assert {row.plural for row in found if row.group == "resource.k8s.io"} == {
        "devicetaintrules",
        "resourceclaims",
        "resourceclaimtemplates",
        "resourceslices",
    }
    assert [row for row in found if not row.group] == [kinds.POD]


@pytest.mark.parametrize("wish", [{"api/never": "true"}, {"apps/v9": "true"}, {"apps/v1": "maybe"}])
def test_what_means_nothing_is_refused(wish: dict[str, str]) -> None:
    with pytest.raises(BadRuntimeConfig, match="cannot use runtime config"):
        served(wish)
