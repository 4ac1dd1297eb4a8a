"""`podling up --runtime-config`."""

from __future__ import annotations

import pytest

from podling.cluster import runtimeconfig
from podling.cluster.errors import BadConfig


def test_versions_are_asked_for_as_upstream_does() -> None:
    assert runtimeconfig.pairs("") == {}
    assert runtimeconfig.pairs("api/beta=true,resource.k8s.io/v1alpha3") == {
        "api/beta": "true",
        "resource.k8s.io/v1alpha3": "",
    }


@pytest.mark.parametrize("text", ["nothing/v1", "api/beta=maybe"])
def test_what_no_server_takes_is_refused_before_anything_starts(text: str) -> None:
    with pytest.raises(BadConfig, match="cannot use --runtime-config"):
        runtimeconfig.pairs(text)
