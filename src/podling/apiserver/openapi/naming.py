"""The long names of definitions in OpenAPI documents: `core_v1.Pod` is `io.k8s.api.core.v1.Pod`."""

from __future__ import annotations

from functools import cache

from podling.api.kinds import Kind

QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
FIELDS_V1 = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"
RAW_EXTENSION = "io.k8s.apimachinery.pkg.runtime.RawExtension"
_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
JSON = f"{_EXTENSIONS}JSON"
PROPS_OR_ARRAY = f"{_EXTENSIONS}JSONSchemaPropsOrArray"
PROPS_OR_BOOL = f"{_EXTENSIONS}JSONSchemaPropsOrBool"
PROPS_OR_STRINGS = f"{_EXTENSIONS}JSONSchemaPropsOrStringArray"
PATCH = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"

_HOMES = {
    "meta": "io.k8s.apimachinery.pkg.apis.meta",
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    "apiregistration": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
    "metrics": "io.k8s.metrics.pkg.apis.metrics",
}


@cache
def definition(record: str) -> str:
    """The long name of a generated type given as `module.Class`."""
    module, _, name = record.partition(".")
    group, _, version = module.rpartition("_")
    return f"{_HOMES.get(group, f'io.k8s.api.{group}')}.{version}.{name}"


def group_path(group: str, version: str) -> str:
    """Where a group and version stands below `/openapi/v3/`: `api/v1`, `apis/apps/v1`."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def resource_path(row: Kind, *, namespace: bool, name: bool = False, subresource: str = "") -> str:
    """The path of a resource with its parameters in braces."""
    path = "/" + group_path(row.group, row.version)
    if namespace:
        path += "/namespaces/{namespace}"
    path += f"/{row.plural}"
    if name:
        path += "/{name}"
    return f"{path}/{subresource}" if subresource else path
