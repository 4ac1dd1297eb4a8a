"""The rules of CustomResourceDefinitions (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation).

What all versions say alike is told as said once, of the whole definition: that is how upstream holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from podling.api import codec, field, names
from podling.api.field import FieldError, Path
from podling.api.types import apiextensions_v1 as extensions

from . import definition_schema, webhook_clients
from .metadata import METADATA, each, immutable

SPEC, STATUS = Path("spec"), Path("status")
REVIEW_VERSIONS = ("v1", "v1beta1")
MAX_WARNING = 256
_SCOPES = ("Cluster", "Namespaced")
_STRATEGIES = ("None", "Webhook")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = (
    *("binary", "bool", "byte", "date", "date-time", "double", "float", "int32", "int64", "password"),
)
_SHARED = (
    ("schema", "validation"),
    ("subresources", "subresources"),
    ("additional_printer_columns", "additionalPrinterColumns"),
)

Definition = extensions.CustomResourceDefinition
Version = extensions.CustomResourceDefinitionVersion


def create(definition: Definition) -> Iterator[FieldError]:
    spec, name = definition.spec, definition.metadata.name
    if name and name != f"{spec.names.plural}.{spec.group}":
        yield field.invalid(METADATA / "name", name, 'must be spec.names.plural+"."+spec.group')
    yield from _spec(spec)
    if spec.preserve_unknown_fields:
        yield field.invalid(SPEC / "preserveUnknownFields", True, "must be false")


def update(definition: Definition, old: Definition) -> Iterator[FieldError]:
    """What its objects are stored under never changes, nor may a version go while objects of it may be stored."""
    spec, before = definition.spec, old.spec
    yield from _spec(spec)
    if spec.preserve_unknown_fields and not before.preserve_unknown_fields:
        yield field.invalid(SPEC / "preserveUnknownFields", True, "must be false")
    if _is_established(old):
        yield from immutable(spec.scope, before.scope, SPEC / "scope")
        yield from immutable(spec.names.kind, before.names.kind, SPEC / "names" / "kind")
    yield from immutable(spec.group, before.group, SPEC / "group")
    yield from immutable(spec.names.plural, before.names.plural, SPEC / "names" / "plural")
    yield from _stored(definition)


def update_status(definition: Definition, old: Definition) -> Iterator[FieldError]:
    accepted = definition.status.accepted_names if definition.status is not None else None
    if accepted is not None:
        yield from _names(accepted, STATUS / "acceptedNames")


def _is_established(definition: Definition) -> bool:
    conditions = (definition.status.conditions if definition.status is not None else None) or []
    return any(one.type == "Established" and one.status == "True" for one in conditions)


def _stored(definition: Definition) -> Iterator[FieldError]:
    stored = (definition.status.stored_versions if definition.status is not None else None) or []
    path, known = STATUS / "storedVersions", {version.name for version in definition.spec.versions}
    for index, name in enumerate(stored):
        if name not in known:
            why = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions "
                f"until a storage migration ensures no data remains persisted in {name} and removes {name} from "
                "status.storedVersions"
            )
            yield field.invalid(path / index, name, why)


def _spec(spec: extensions.CustomResourceDefinitionSpec) -> Iterator[FieldError]:
    wrong = names.dns1123_subdomain(spec.group)
    if not spec.group:
        yield field.required(SPEC / "group")
    elif wrong:
        yield field.invalid(SPEC / "group", spec.group, ",".join(wrong))
    elif "." not in spec.group:
        yield field.invalid(SPEC / "group", spec.group, "should be a domain with at least one dot")
    yield from _one_of(spec.scope, SPEC / "scope", _SCOPES)
    yield from _versions(spec.versions)
    for value, name in (
        (spec.names.plural, "plural"),
        (spec.names.singular, "singular"),
        (spec.names.kind, "kind"),
        (spec.names.list_kind, "listKind"),
    ):
        if not value:
            yield field.required(SPEC / "names" / name)
    yield from _names(spec.names, SPEC / "names")
    if spec.conversion is not None:
        yield from _conversion(spec.conversion, SPEC / "conversion")


def _one_of(value: str, path: Path, values: tuple[str, ...]) -> Iterator[FieldError]:
    if not value:
        yield field.required(path)
    elif value not in values:
        yield field.not_supported(path, value, values)


def _versions(versions: Sequence[Version]) -> Iterator[FieldError]:
    path = SPEC / "versions"
    shared = {name for attribute, name in _SHARED if _say_alike(versions, attribute)}
    for index, version in enumerate(versions):
        if version.schema is None or version.schema.open_apiv3_schema is None:
            yield field.required(path / index / "schema" / "openAPIV3Schema", "schemas are required")
    for index, version in enumerate(versions):
        wrong = names.dns1035_label(version.name)
        if wrong:
            yield field.invalid(path / index / "name", version.name, ",".join(wrong))
        yield from _warning(version, path / index / "deprecationWarning")
        yield from _said(version, shared, path / index, is_shared=False)
    if len({version.name for version in versions}) < len(versions):
        yield field.invalid(path, versions, "must contain unique version names")
    if sum(version.storage for version in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield field.invalid(path, versions, why)
    if versions:
        yield from _said(versions[0], shared, SPEC, is_shared=True)


def _say_alike(versions: Sequence[Version], attribute: str) -> bool:
    said = [getattr(version, attribute) for version in versions]
    return all(codec.semantic_equal(one, said[0]) for one in said)


def _said(version: Version, shared: set[str], path: Path, *, is_shared: bool) -> Iterator[FieldError]:
    """What a version says of its own, or the first one for all of them."""
    schema = version.schema.open_apiv3_schema if version.schema is not None else None
    if schema is not None and ("validation" in shared) is is_shared:
        where = path / ("validation" if is_shared else "schema") / "openAPIV3Schema"
        yield from definition_schema.faults(schema, where)
    scale = version.subresources.scale if version.subresources is not None else None
    if scale is not None and ("subresources" in shared) is is_shared:
        yield from _scale(scale, path / "subresources")
    if ("additionalPrinterColumns" in shared) is is_shared:
        for index, column in enumerate(version.additional_printer_columns or ()):
            yield from _column(column, path / "additionalPrinterColumns" / index)


def _warning(version: Version, path: Path) -> Iterator[FieldError]:
    text = version.deprecation_warning
    if text is None:
        return
    if not version.deprecated:
        yield field.invalid(path, text, "can only be set for deprecated versions")
        return
    if len(text.encode()) > MAX_WARNING:
        yield field.invalid(path, text, f"must be <= {MAX_WARNING} characters long")
    if not text:
        yield field.invalid(path, text, "must not be an empty string")
    for index, char in enumerate(text):
        if not char.isprintable():
            why = f"must only contain printable UTF-8 characters; non-printable character found at index {index}"
            yield field.invalid(path, text, why)
            break


def _names(given: extensions.CustomResourceDefinitionNames, path: Path) -> Iterator[FieldError]:
    for value, name in ((given.plural, "plural"), (given.singular, "singular")):
        wrong = names.dns1035_label(value) if value else []
        if wrong:
            yield field.invalid(path / name, value, ",".join(wrong))
    for value, name in ((given.kind, "kind"), (given.list_kind, "listKind")):
        wrong = names.dns1035_label(value.lower()) if value else []
        if wrong:
            why = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
            yield field.invalid(path / name, value, why)
    yield from _labels(given.short_names or [], path / "shortNames")
    if given.kind and given.kind == given.list_kind:
        yield field.invalid(path / "listKind", given.list_kind, "kind and listKind may not be the same")
    yield from _labels(given.categories or [], path / "categories")


def _labels(values: list[str], path: Path) -> Iterator[FieldError]:
    for index, value in enumerate(values):
        wrong = names.dns1035_label(value)
        if wrong:
            yield field.invalid(path / index, value, ",".join(wrong))


def _column(column: extensions.CustomResourceColumnDefinition, path: Path) -> Iterator[FieldError]:
    if not column.name:
        yield field.required(path / "name")
    why = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not column.type:
        yield field.required(path / "type", why)
    elif column.type not in _COLUMN_TYPES:
        yield field.invalid(path / "type", column.type, why)
    if column.format and column.format not in _COLUMN_FORMATS:
        yield field.invalid(path / "format", column.format, f"must be one of {','.join(_COLUMN_FORMATS)}")
    if not column.json_path:
        yield field.required(path / "JSONPath")
    elif not column.json_path.startswith("."):
        why = "must be a simple json path starting with ."
        yield field.invalid(path / "JSONPath", column.json_path, why)


def _scale(scale: extensions.CustomResourceSubresourceScale, path: Path) -> Iterator[FieldError]:
    for value, name, under, where in (
        (scale.spec_replicas_path, "specReplicasPath", (".spec.",), ".spec"),
        (scale.status_replicas_path, "statusReplicasPath", (".status.",), ".status"),
        (scale.label_selector_path, "labelSelectorPath", (".spec.", ".status."), "either .spec or .status"),
    ):
        here = path / f"scale.{name}"
        if not value:
            if name != "labelSelectorPath":
                yield field.required(here)
        elif not value.startswith("."):
            yield field.invalid(here, value, "must be a simple json path starting with .")
        elif not value.startswith(under):
            yield field.invalid(here, value, f"should be a json path under {where}")


def _conversion(given: extensions.CustomResourceConversion, path: Path) -> Iterator[FieldError]:
    yield from _one_of(given.strategy, path / "strategy", _STRATEGIES)
    client = given.webhook.client_config if given.webhook is not None else None
    versions = given.webhook.conversion_review_versions if given.webhook is not None else []
    where = path / "webhookClientConfig"
    if given.strategy != "Webhook":
        why = "should not be set when strategy is not set to Webhook"
        if client is not None:
            yield field.forbidden(where, why)
        if versions:
            yield field.forbidden(path / "conversionReviewVersions", why)
        return
    if client is None:
        yield field.required(where, "required when strategy is set to Webhook")
    else:
        yield from webhook_clients.client(client.url, client.service, where)
    yield from _review_versions(versions, path / "conversionReviewVersions")


def _review_versions(versions: list[str], path: Path) -> Iterator[FieldError]:
    if not versions:
        yield field.required(path)
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield field.invalid(path / index, version, "duplicate version")
        else:
            yield from each(names.dns1035_label, version, path / index)
    if not any(version in REVIEW_VERSIONS for version in versions):
        why = f"must include at least one of {', '.join(REVIEW_VERSIONS)}"
        yield field.invalid(path, versions, why)
