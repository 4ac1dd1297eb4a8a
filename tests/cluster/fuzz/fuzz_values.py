"""Objects made up from the schemas: the least that a kind takes, more fields here and there, and now and then nonsense.

A function of a source of chance alone: hypothesis' own in short runs, so that what fails is made smaller and printed; a
seeded `random.Random` in long ones. Values come from pools, because hardly any text taken at random would be valid.
"""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

from test_every_kind import adapted, minimal

from podling.api import kinds, schema
from podling.api.kinds import Kind
from podling.api.schema import Anything, ListOf, MapOf, OneOf, Record, Scalar, Schema

Document = dict[str, Any]

MAX_DEPTH = 6

WORDS = (
    "a",
    "web",
    "example.com/a",
    "one-two",
    "10.1.2.3",
    "Always",
    "",
    "A b",
    "x" * 64,
    "\u2603",
    "1",
    "a.b.c",
)
POOLS: dict[str, tuple[Any, ...]] = {
    "accessModes": ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod", "Never"),
    "addressType": ("IPv4", "IPv6", "FQDN"),
    "apiGroups": ("", "*", "apps", "g.io"),
    "apiVersion": ("v1", "apps/v1", "g.io/v1", "a/b/c"),
    "cidr": ("10.0.0.0/8", "fd00::/64", "10.0.0.1/8", "x"),
    "clusterIP": ("", "None", "10.43.0.9", "x"),
    "concurrencyPolicy": ("Allow", "Forbid", "Replace"),
    "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute", ""),
    "fieldPath": ("metadata.name", "spec.nodeName", "metadata.labels['a']", "status.podIP", "x"),
    "image": ("i", "busybox:1", "r.io/a/b@sha256:" + "0" * 64, "A B"),
    "imagePullPolicy": ("Always", "Never", "IfNotPresent"),
    "ip": ("10.1.2.3", "fd00::1", "x", "127.0.0.1"),
    "ipFamilies": ("IPv4", "IPv6"),
    "ipFamilyPolicy": ("SingleStack", "PreferDualStack", "RequireDualStack"),
    "key": ("a", "example.com/a", "kubernetes.io/hostname", "A b"),
    "mountPath": ("/a", "/a/b", "a", "/a:b"),
    "namespace": ("default", "default", "other", "A"),
    "operator": ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Equal"),
    "path": ("/a", "a/b", "../a", "/", "*"),
    "pathType": ("Prefix", "Exact", "ImplementationSpecific"),
    "podManagementPolicy": ("OrderedReady", "Parallel"),
    "policyTypes": ("Ingress", "Egress", "X"),
    "protocol": ("TCP", "UDP", "SCTP", "tcp"),
    "resources": ("pods", "*", "pods/status", "deployments"),
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "schedule": ("* * * * *", "@daily", "TZ=UTC * * * * *", "*/0 * * * *", "60 * * * *"),
    "scope": ("Namespaced", "Cluster", "*"),
    "scopeName": ("BestEffort", "NotTerminating", "PriorityClass"),
    "sessionAffinity": ("None", "ClientIP"),
    "timeZone": ("Europe/Berlin", "UTC", "Local", "../x"),
    "topologyKey": ("kubernetes.io/hostname", "zone", ""),
    "verbs": ("get", "list", "*", ""),
    "whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
}
"""What stands in fields of these names."""
KEYS = ("a", "example.com/a", "cpu", "memory", "pods", "kubernetes.io/os", "b_c", "A b", "", "x" * 300)
SCALARS: dict[str, tuple[Any, ...]] = {
    "int-or-string": (0, 1, 80, "25%", "http", "100%", -1, "x%"),
    "quantity": ("1", "100m", "1Gi", "0", 2, "1e3", "0.5", "-1", "1.5Gi", "12345678901234567890", "x"),
    "integer": (0, 1, 1, 2, 3, 5, 30, 80, 443, 600, 8080, 30001, -1, 70000, 2**31 - 1),
    "number": (0, 0.5, 1.25, -3, 1e300),
    "boolean": (True, False),
    "date-time": ("2024-05-01T12:00:00Z", "2030-01-01T00:00:00+02:00", "1969-12-31T23:59:59Z", "now"),
    "date-time-micro": ("2024-05-01T12:00:00.123456Z", "2024-05-01T12:00:00Z", "now"),
    "byte": ("", "AA==", "aGVsbG8=", "===", "a"),
}
ANY = (None, True, 0, -7, 1.5, "x", "", [], {}, ["a", 1], {"a": {"b": [None]}}, 2**70, "\x00", "\U0001f600")
"""Nonsense, wherever it stands."""


def one_in(chance: Random, n: int) -> bool:
    return chance.randrange(n) == n - 1


def value(shape: Schema, name: str, chance: Random, depth: int = 0) -> Any:
    """A value of that shape, for a field of that name."""
    match shape:
        case Scalar():
            return _scalar(shape, name, chance)
        case Anything():
            return copy.deepcopy(chance.choice(({"a": "b"}, {"a": 1, "c": [True]}, "x", 5)))
        case OneOf():
            return value(chance.choice(shape.options), name, chance, depth)
        case ListOf():
            count = 0 if depth > MAX_DEPTH else chance.randrange(3)
            return [value(shape.item, name, chance, depth + 1) for _ in range(count)]
        case MapOf():
            count = 0 if depth > MAX_DEPTH else chance.randrange(3)
            return {chance.choice(KEYS): value(shape.value, name, chance, depth + 1) for _ in range(count)}
        case Record():
            return _record(shape, chance, depth)


def _scalar(shape: Scalar, name: str, chance: Random) -> Any:
    if shape.kind == "string":
        return chance.choice(SCALARS.get(shape.format) or POOLS.get(name) or WORDS)
    return chance.choice(SCALARS[shape.kind])


def _record(shape: Record, chance: Random, depth: int) -> Document:
    made = {}
    for field in shape.fields.values():
        if field.required:
            made[field.name] = value(field.schema, field.name, chance, depth + 1)
    names = list(shape.fields)
    for _ in range(0 if depth > MAX_DEPTH or not names else chance.randrange(1 + min(3, len(names)))):
        name = chance.choice(names)
        made[name] = value(shape.fields[name].schema, name, chance, depth + 1)
    return made


def name_of(row: Kind, number: int) -> str:
    """A name that the kind takes."""
    match row.kind:
        case "APIService":
            return f"v{number}.g.io"
        case "CustomResourceDefinition":
            return f"things{number}.g.io"
        case "IPAddress":
            return f"10.1.{number // 250}.{1 + number % 250}"
        case "StorageVersion":
            return f"g.io.things{number}"
        case _:
            return f"fuzz-{number}"


def least(row: Kind, number: int) -> Document:
    """The least that the kind takes, under a name of its own."""
    return copy.deepcopy(minimal(row, name_of(row, number)))


def rename(row: Kind, document: Document, number: int) -> None:
    """Give an object another name, with what says the same in its spec."""
    name = name_of(row, number)
    document["metadata"]["name"] = name
    adapted(row, name, document)


def an_object(row: Kind, number: int, chance: Random) -> Document:
    """Mostly valid: the least that the kind takes, with some more fields and, one time in five, nonsense."""
    made = least(row, number)
    shape = schema.of(row.struct)
    for _ in range(chance.randrange(4)):
        enrich(made, shape, chance)
    if one_in(chance, 5):
        spoil(made, chance)
    return made


KEPT = ("apiVersion", "kind", "name", "namespace", "generateName", "deletionTimestamp", "ownerReferences")


def enrich(document: Document, shape: Record, chance: Random) -> None:
    """Set one field somewhere in a document; its name and kind stay."""
    here, at = shape, document
    for _ in range(8):
        name = chance.choice([each for each in here.fields if each not in KEPT] or ["x"])
        field = here.fields.get(name)
        if field is None:
            return
        below, held = field.schema, at.get(name)
        if isinstance(below, ListOf) and isinstance(below.item, Record) and isinstance(held, list) and held:
            at, here = chance.choice(held), below.item
        elif isinstance(below, Record) and isinstance(held, dict):
            at, here = held, below
        else:
            at[name] = value(below, name, chance)
            return


def spoil(document: Document, chance: Random) -> None:
    """Put nonsense somewhere into a document."""
    at: Any = document
    while True:
        key = chance.choice([*at, "unknown", "a\nb"]) if isinstance(at, dict) else chance.randrange(len(at))
        held = at.get(key) if isinstance(at, dict) else at[key]
        if isinstance(held, dict | list) and held and not one_in(chance, 4):
            at = held
            continue
        at[key] = copy.deepcopy(chance.choice(ANY))
        return


STORED = tuple(row for row in kinds.ALL if "create" in row.verbs and row.is_stored)
REVIEWS = tuple(row for row in kinds.ALL if "create" in row.verbs and not row.is_stored)


def as_bytes(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")
