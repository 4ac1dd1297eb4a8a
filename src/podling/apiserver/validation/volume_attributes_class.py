"""The rules of VolumeAttributesClasses (k8s.io/kubernetes/pkg/apis/storage/validation)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import codec, field
from podling.api.field import FieldError, Path
from podling.api.types import storage_v1

from . import storage_class
from .storage_class import PARAMETERS

DRIVER = Path("driverName")

Class = storage_v1.VolumeAttributesClass


def create(given: Class) -> Iterator[FieldError]:
    yield from storage_class.driver(given.driver_name, DRIVER)
    yield from storage_class.parameters(given.parameters or {})
    if not given.parameters:
        yield field.required(PARAMETERS, "must contain at least one key/value pair")


def update(given: Class, old: Class) -> Iterator[FieldError]:
    """Volumes are what the class said when they got it."""
    if given.driver_name != old.driver_name:
        yield field.forbidden(DRIVER, "updates to driverName are forbidden.")
    if not codec.semantic_equal(given.parameters, old.parameters):
        yield field.forbidden(PARAMETERS, "updates to parameters are forbidden.")
    yield from create(given)
