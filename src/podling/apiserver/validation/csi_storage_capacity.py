"""The rules of CSIStorageCapacities: what was asked of the driver never changes, what it answered does.

(k8s.io/kubernetes/pkg/apis/storage/validation)
"""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field, names, quantity
from podling.api.field import FieldError, Path
from podling.api.types import storage_v1

from . import scheduling
from .metadata import IMMUTABLE, each, immutable
from .workload import NOT_NEGATIVE

TOPOLOGY, CLASS, CAPACITY = Path("nodeTopology"), Path("storageClassName"), Path("capacity")

Capacity = storage_v1.CSIStorageCapacity


def create(given: Capacity) -> Iterator[FieldError]:
    if given.node_topology is not None:
        yield from scheduling.label_selector(given.node_topology, TOPOLOGY)
    yield from each(names.dns1123_subdomain, given.storage_class_name, CLASS)
    if given.capacity is not None and quantity.parse(given.capacity) < quantity.of(0):
        yield field.invalid(CAPACITY, given.capacity, NOT_NEGATIVE)


def update(given: Capacity, old: Capacity) -> Iterator[FieldError]:
    if not codec.semantic_equal(given.node_topology, old.node_topology):
        yield field.invalid(TOPOLOGY, given.node_topology, IMMUTABLE)
    yield from immutable(given.storage_class_name, old.storage_class_name, CLASS)
