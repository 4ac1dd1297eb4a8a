"""What the server refuses of CustomResourceDefinitions (k8s.io/apiextensions-apiserver/.../apiextensions/validation)."""

from __future__ import annotations

import msgspec
import pytest

from podling.api.field import Path
from podling.api.types import apiextensions_v1 as extensions
from podling.apiserver.defaults.apiextensions_v1 import definition as complete
from podling.apiserver.validation import custom_resource_definition, definition_schema

LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and "
    "end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
NAMES = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
OBJECT = {"type": "object"}
TEXT = {"type": "string"}


def said(faults):
    return [str(fault) for fault in faults]


def version(name="v1", schema=OBJECT, **fields):
    wrapped = {"openAPIV3Schema": schema} if schema is not None else None
    return {"name": name, "served": True, "storage": True, "schema": wrapped} | fields


def crd(*versions, name="things.g.io", status=None, **spec):
    spec = {
        "group": "g.io",
        "scope": "Namespaced",
        "names": NAMES,
        "versions": [*(versions or (version(),))],
    } | spec
    body = {"metadata": {"name": name}, "spec": spec, "status": status}
    made = msgspec.convert(body, extensions.CustomResourceDefinition)
    complete(made)
    return made


def hook(**config):
    return {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": config}}


COLUMN_TYPES = "boolean,date,integer,number,string"
UNSET = "should not be set when strategy is not set to Webhook"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (crd(), []),
        (crd(names={"plural": "things", "kind": "Thing"}), []),
        (crd(version(), version("v2", {**OBJECT, "description": "new"}, storage=False)), []),
        (crd(conversion=hook(url="https://a.com")), []),
        (
            crd(name="other.g.io"),
            ['metadata.name: Invalid value: "other.g.io": must be spec.names.plural+"."+spec.group'],
        ),
        (
            crd(name="things.io", group="io", scope="Global", preserveUnknownFields=True),
            [
                'spec.group: Invalid value: "io": should be a domain with at least one dot',
                'spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"',
                "spec.preserveUnknownFields: Invalid value: true: must be false",
            ],
        ),
        (
            crd(version(schema=None)),
            ["spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required"],
        ),
        (crd(version("1")), [f'spec.versions[0].name: Invalid value: "1": {LABEL}']),
        (
            crd(names=NAMES | {"listKind": "Thing", "shortNames": ["T"], "categories": ["_"]}),
            [
                f'spec.names.shortNames[0]: Invalid value: "T": {LABEL}',
                'spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same',
                f'spec.names.categories[0]: Invalid value: "_": {LABEL}',
            ],
        ),
        (
            crd(name=".g.io", names={}),
            [f"spec.names.{name}: Required value" for name in ("plural", "singular", "kind", "listKind")],
        ),
        (
            crd(version(deprecationWarning="old")),
            [
                'spec.versions[0].deprecationWarning: Invalid value: "old": '
                "can only be set for deprecated versions"
            ],
        ),
        (
            crd(version(deprecated=True, deprecationWarning="a\nb")),
            [
                'spec.versions[0].deprecationWarning: Invalid value: "a\\nb": must only contain printable UTF-8 '
                "characters; non-printable character found at index 1"
            ],
        ),
        (
            crd(
                version(
                    additionalPrinterColumns=[{"name": "", "type": "text", "jsonPath": "spec", "format": "x"}]
                )
            ),
            [
                "spec.additionalPrinterColumns[0].name: Required value",
                f'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of {COLUMN_TYPES}',
                'spec.additionalPrinterColumns[0].format: Invalid value: "x": must be one of '
                "binary,bool,byte,date,date-time,double,float,int32,int64,password",
                'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": '
                "must be a simple json path starting with .",
            ],
        ),
        (
            crd(
                version(
                    subresources={
                        "scale": {
                            "specReplicasPath": ".status.replicas",
                            "statusReplicasPath": "",
                            "labelSelectorPath": ".labels",
                        }
                    }
                )
            ),
            [
                'spec.subresources.scale.specReplicasPath: Invalid value: ".status.replicas": '
                "should be a json path under .spec",
                "spec.subresources.scale.statusReplicasPath: Required value",
                'spec.subresources.scale.labelSelectorPath: Invalid value: ".labels": '
                "should be a json path under either .spec or .status",
            ],
        ),
        (
            crd(conversion={"strategy": "Webhook"}),
            [
                "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
                "spec.conversion.conversionReviewVersions: Required value",
            ],
        ),
        (
            crd(conversion=hook(url="https://a.com") | {"strategy": "None"}),
            [
                f"spec.conversion.webhookClientConfig: Forbidden: {UNSET}",
                f"spec.conversion.conversionReviewVersions: Forbidden: {UNSET}",
            ],
        ),
    ],
)
def test_definitions(given, expected):
    assert said(custom_resource_definition.create(given)) == expected


def test_one_version_is_stored_and_each_has_its_own_name():
    (unique, storage) = custom_resource_definition.create(crd(version(), version()))
    assert (unique.field, unique.detail) == ("spec.versions", "must contain unique version names")
    assert storage.detail == "must have exactly one version marked as storage version"


def test_what_versions_say_alike_is_told_of_all_and_the_rest_of_each():
    alike = crd(version(schema=TEXT), version("v2", TEXT, storage=False))
    apart = crd(version(schema=TEXT), version("v2", storage=False))
    why = 'type: Invalid value: "string": must be object at the root'
    assert said(custom_resource_definition.create(alike)) == [f"spec.validation.openAPIV3Schema.{why}"]
    assert said(custom_resource_definition.create(apart)) == [
        f"spec.versions[0].schema.openAPIV3Schema.{why}"
    ]


ESTABLISHED = {"conditions": [{"type": "Established", "status": "True"}], "storedVersions": ["v0", "v1"]}


def test_what_objects_are_stored_under_never_changes():
    new = crd(
        group="h.io",
        scope="Cluster",
        names=NAMES | {"kind": "Other", "plural": "others"},
        status=ESTABLISHED,
    )
    expected = [
        'spec.scope: Invalid value: "Cluster": field is immutable',
        'spec.names.kind: Invalid value: "Other": field is immutable',
        'spec.group: Invalid value: "h.io": field is immutable',
        'spec.names.plural: Invalid value: "others": field is immutable',
        'status.storedVersions[0]: Invalid value: "v0": missing from spec.versions; v0 was previously a storage version, '
        "and must remain in spec.versions until a storage migration ensures no data remains persisted in v0 and removes "
        "v0 from status.storedVersions",
    ]
    assert said(custom_resource_definition.update(new, crd(status=ESTABLISHED))) == expected
    assert said(custom_resource_definition.update(new, crd())) == expected[2:]


def test_accepted_names_are_names():
    status = {"acceptedNames": NAMES | {"plural": "_"}}
    assert said(custom_resource_definition.update_status(crd(status=status), crd())) == [
        f'status.acceptedNames.plural: Invalid value: "_": {LABEL}'
    ]


def props(**properties):
    return {"type": "object", "properties": properties}


def items(kind, item, **more):
    return props(a={"type": "array", "x-kubernetes-list-type": kind, "items": item, **more})


KEYS = "x-kubernetes-list-map-keys"
IS_KEY = f"this property is in {KEYS}, so it"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (OBJECT, []),
        (props(a={"x-kubernetes-int-or-string": True}, b={"x-kubernetes-preserve-unknown-fields": True}), []),
        (props(a={"type": "object", "additionalProperties": TEXT}, b={"type": "string", "default": "x"}), []),
        (props(a={"type": "string", "anyOf": [{"minLength": 1}, {"pattern": "a"}]}), []),
        (
            items("map", {**props(k=TEXT), "required": ["k"]}, **{KEYS: ["k"]}),
            [],
        ),
        ({}, ["s.type: Required value: must not be empty at the root"]),
        (
            props(a={}, b={"type": "array"}, c={"type": "array", "items": {}}),
            [
                "s.properties[a].type: Required value: must not be empty for specified object fields",
                "s.properties[b].items: Required value: must be specified",
                "s.properties[c].items.type: Required value: must not be empty for specified array items",
            ],
        ),
        ({**OBJECT, "nullable": True}, ["s.nullable: Forbidden: nullable cannot be true at the root"]),
        (props(metadata=TEXT), ['s.properties[metadata].type: Invalid value: "string": must be object']),
        (
            props(a={"type": "float"}, b={"type": "object", "$ref": "#/x", "id": "b"}),
            [
                's.properties[a].type: Unsupported value: "float": supported values: "array", "boolean", "integer", '
                '"number", "object", "string"',
                "s.properties[b].id: Forbidden: id is not supported",
                "s.properties[b].$ref: Forbidden: $ref is not supported",
            ],
        ),
        (
            props(a={"type": "array", "items": TEXT, "uniqueItems": True}),
            [
                "s.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity "
                "becomes quadratic"
            ],
        ),
        (
            {**props(a=TEXT), "additionalProperties": False},
            ["s.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
        ),
        (
            props(metadata=props(name={"type": "string", "default": "x"})),
            [
                "s.properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata"
            ],
        ),
        (
            props(a={"type": "string", "x-kubernetes-preserve-unknown-fields": False}),
            [
                "s.properties[a].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"
            ],
        ),
        (
            props(a={"type": "string", "x-kubernetes-map-type": "loose", "x-kubernetes-list-type": "bag"}),
            [
                's.properties[a].type: Invalid value: "string": must be object if x-kubernetes-map-type is specified',
                's.properties[a].x-kubernetes-map-type: Unsupported value: "loose": supported values: "atomic", '
                '"granular"',
                's.properties[a].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified',
                's.properties[a].x-kubernetes-list-type: Unsupported value: "bag": supported values: "atomic", "set", '
                '"map"',
            ],
        ),
        (
            items("set", {**OBJECT, "nullable": True}, **{KEYS: ["k"]}),
            [
                's.properties[a].x-kubernetes-list-type: Invalid value: "set": '
                f"must be map if {KEYS} is non-empty",
                "s.properties[a].items.x-kubernetes-map-type: Invalid value: null: "
                "must be atomic as item of a list with x-kubernetes-list-type=set",
                "s.properties[a].items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set",
            ],
        ),
        (
            items("map", TEXT),
            [
                f"s.properties[a].{KEYS}: Required value: must not be empty if x-kubernetes-list-type is map",
                's.properties[a].items.type: Invalid value: "string": '
                "must be object if parent array's x-kubernetes-list-type is map",
            ],
        ),
        (
            items("map", props(k={"type": "string", "nullable": True}), **{KEYS: ["k", "k", "l"]}),
            [
                f"s.properties[a].items.properties[k].default: Required value: {IS_KEY} must have a default or be a "
                "required property",
                f"s.properties[a].items.properties[k].nullable: Forbidden: {IS_KEY} cannot be nullable",
                f's.properties[a].{KEYS}: Invalid value: ["k","k","l"]: must not contain duplicate entries',
                f"s.properties[a].items.properties[k].default: Required value: {IS_KEY} must have a default or be a "
                "required property",
                f"s.properties[a].items.properties[k].nullable: Forbidden: {IS_KEY} cannot be nullable",
                f's.properties[a].{KEYS}: Invalid value: ["k","k","l"]: entries must all be names of item properties',
            ],
        ),
        (
            {
                **OBJECT,
                "x-kubernetes-validations": [
                    {"rule": " "},
                    {"rule": "self", "message": " ", "messageExpression": " ", "reason": "Because"},
                    {"rule": "self\n&& self", "fieldPath": " "},
                ],
            },
            [
                "s.x-kubernetes-validations[0].rule: Required value: rule is not specified",
                's.x-kubernetes-validations[1].message: Invalid value: " ": message must be non-empty if specified',
                "s.x-kubernetes-validations[1].messageExpression: Required value: "
                "messageExpression must be non-empty if specified",
                's.x-kubernetes-validations[1].reason: Unsupported value: "Because": supported values: '
                '"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"',
                "s.x-kubernetes-validations[2].message: Required value: "
                "message must be specified if rule contains line breaks",
                's.x-kubernetes-validations[2].fieldPath: Invalid value: " ": fieldPath must be non-empty if specified',
            ],
        ),
    ],
)
def test_schemas(schema, expected):
    given = msgspec.json.decode(msgspec.json.encode(schema), type=extensions.JSONSchemaProps)
    assert said(definition_schema.faults(given, Path("s"))) == expected
