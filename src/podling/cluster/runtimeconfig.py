"""`--runtime-config`: which alpha and beta versions of the API are served too, in upstream's way of asking for them."""

from __future__ import annotations

from podling.api.levels import NEWEST, Level
from podling.apiserver.serving import BadRuntimeConfig, served

from .errors import BadConfig


def pairs(text: str, *, minor: int = NEWEST) -> dict[str, str]:
    """`api/beta=true,resource.k8s.io/v1alpha3` by name; raises BadConfig for what no API server of that level would take."""
    found = {}
    for one in filter(None, text.split(",")):
        name, _, value = one.partition("=")
        found[name.strip()] = value.strip()
    try:
        served(found, level=Level(minor))
    except BadRuntimeConfig as error:
        raise BadConfig(f"cannot use --runtime-config {text!r}: {error}") from error
    return found
