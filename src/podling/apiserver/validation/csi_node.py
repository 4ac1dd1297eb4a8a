"""The rules of CSINodes (k8s.io/kubernetes/pkg/apis/storage/validation)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import storage_v1

from .csi_names import driver_name
from .metadata import IMMUTABLE, each
from .workload import counts

DRIVERS = Path("spec", "drivers")
MAX_NODE_ID = 256


def create(node: storage_v1.CSINode) -> Iterator[FieldError]:
    seen = set()
    for index, driver in enumerate(node.spec.drivers):
        path = DRIVERS / index
        yield from driver_name(driver.name, path / "name")
        if not driver.node_id:
            yield field.required(path / "nodeID")
        if len(driver.node_id.encode()) > MAX_NODE_ID:
            why = f"must be {MAX_NODE_ID} characters or less"
            yield field.invalid(path / "nodeID", driver.node_id, why)
        if driver.allocatable is not None:
            yield from counts(path / "allocatable", count=driver.allocatable.count)
        if driver.name in seen:
            yield field.duplicate(path / "name", driver.name)
        seen.add(driver.name)
        yield from _topology(driver.topology_keys or [], path)


def update(node: storage_v1.CSINode, old: storage_v1.CSINode) -> Iterator[FieldError]:
    """What a driver registered with never changes, but for how many volumes the node takes."""
    yield from create(node)
    had = {driver.name: _fixed(driver) for driver in old.spec.drivers}
    for driver in map(_fixed, node.spec.drivers):
        if driver.name in had and not codec.semantic_equal(driver, had[driver.name]):
            yield field.invalid(DRIVERS, driver, IMMUTABLE)


def _fixed(driver: storage_v1.CSINodeDriver) -> storage_v1.CSINodeDriver:
    return msgspec.structs.replace(driver, allocatable=None)


def _topology(keys: list[str], path: Path) -> Iterator[FieldError]:
    for index, key in enumerate(keys):
        if not key:
            yield field.required(path)
        if key in keys[:index]:
            yield field.duplicate(path, key)
        yield from each(names.label_key, key, path)
