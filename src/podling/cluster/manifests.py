"""Static Pods of a cluster's nodes: where their manifests lie, and the API's own rules for what may be in them.

The rules are the API server's, so that a file is refused in the words in which the API would refuse it, and a mirror
never is.
"""

from __future__ import annotations

from pathlib import Path

from podling.agent.staticpods import Manifests
from podling.api import kinds
from podling.api.errors import Invalid
from podling.api.types import core_v1
from podling.apiserver import defaults, validation
from podling.apiserver.validation import metadata

from .config import ClusterConfig


def of(config: ClusterConfig) -> Manifests | None:
    """None where no folder of manifests is set."""
    return Manifests(Path(config.pod_manifest_path), complete) if config.pod_manifest_path else None


def complete(pod: core_v1.Pod) -> None:
    """Fill in the API's defaults.  Raises ``Invalid`` for what the API would refuse."""
    defaults.of(kinds.POD)(pod)
    faults = [*metadata.create(kinds.POD, pod.metadata), *validation.of(kinds.POD).create(pod)]
    if faults:
        raise Invalid(kinds.POD, pod.metadata.name or "", faults)
