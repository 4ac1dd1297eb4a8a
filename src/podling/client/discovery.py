"""What a server serves, as rows like those of `podling.api.kinds`, custom resources included.

The aggregated form (two requests, KEP-3352) is asked for; a server that only knows the plain one is walked group by group. A group that
cannot be asked (an aggregated API server that is down) is named in `failures` and does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from podling.api import kinds
from podling.api.errors import ApiError
from podling.api.kinds import Kind
from podling.api.types import meta_v1

from .client import Client
from .errors import ClientError, ProtocolFault

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@dataclass(frozen=True, slots=True)
class Discovery:
    """Every resource in every version served, the preferred version of a group first."""

    resources: tuple[Kind, ...]
    failures: dict[str, str] = field(default_factory=dict)
    """Group and version (`metrics.k8s.io/v1`) -> why it could not be asked."""

    def preferred(self) -> tuple[Kind, ...]:
        """Each resource once, in the first version of its group that has it."""
        found: dict[tuple[str, str], Kind] = {}
        for row in self.resources:
            found.setdefault((row.group, row.plural), row)
        return tuple(found.values())


class _Named(msgspec.Struct, rename="camel"):
    name: str = ""


class _ResponseKind(msgspec.Struct, rename="camel"):
    kind: str = ""


class _Resource(msgspec.Struct, rename="camel"):
    resource: str
    scope: str = ""
    singular_resource: str = ""
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    response_kind: _ResponseKind = msgspec.field(default_factory=_ResponseKind)
    subresources: tuple[dict[str, Any], ...] = ()


class _Version(msgspec.Struct, rename="camel"):
    version: str
    resources: tuple[_Resource, ...] = ()
    freshness: str = "Current"


class _Group(msgspec.Struct, rename="camel"):
    metadata: _Named = msgspec.field(default_factory=_Named)
    versions: tuple[_Version, ...] = ()


class _Answer(msgspec.Struct, rename="camel"):
    """Either form: `items` in the aggregated one, `groups` or `versions` in the plain ones."""

    kind: str = ""
    items: tuple[_Group, ...] = ()
    groups: tuple[meta_v1.APIGroup, ...] = ()
    versions: tuple[str, ...] = ()


_answers = msgspec.json.Decoder(_Answer)
_plain = msgspec.json.Decoder(meta_v1.APIResourceList)


async def discover(client: Client) -> Discovery:
    """Ask the server what it serves. Raises ApiError and ClientError when it cannot be asked at all."""
    rows: list[Kind] = []
    failures: dict[str, str] = {}
    for path in ("/api", "/apis"):
        answer = await _ask(client, path)
        if answer.kind == "APIGroupDiscoveryList":
            _read_aggregated(answer, rows, failures)
        else:
            await _walk(client, path, answer, rows, failures)
    return Discovery(tuple(rows), failures)


async def _ask(client: Client, path: str) -> _Answer:
    data = await client.get_raw(path, accept=AGGREGATED)
    try:
        return _answers.decode(data)
    except msgspec.DecodeError as error:
        raise ProtocolFault(f"cannot read what the server serves at {path}: {error}") from error


def _read_aggregated(answer: _Answer, rows: list[Kind], failures: dict[str, str]) -> None:
    for group in answer.items:
        for version in group.versions:
            if version.freshness != "Current":
                failures[_group_version(group.metadata.name, version.version)] = "its server does not answer"
            for found in version.resources:
                subresources = tuple(str(sub.get("subresource", "")) for sub in found.subresources)
                rows.append(
                    _row(
                        group.metadata.name,
                        version.version,
                        found.response_kind.kind,
                        plural=found.resource,
                        singular=found.singular_resource,
                        namespaced=found.scope == "Namespaced",
                        verbs=found.verbs,
                        short_names=found.short_names,
                        categories=found.categories,
                        subresources=subresources,
                    )
                )


async def _walk(
    client: Client, path: str, answer: _Answer, rows: list[Kind], failures: dict[str, str]
) -> None:
    for group, version in _served(answer):
        name = _group_version(group, version)
        try:
            found = _plain.decode(await client.get_raw(f"{path}/{name}"))
        except (ApiError, ClientError, msgspec.DecodeError) as error:
            failures[name] = str(error)
            continue
        rows.extend(_plain_rows(group, version, found.resources))


def _served(answer: _Answer) -> Iterable[tuple[str, str]]:
    """Groups and versions of the plain form, the preferred version first."""
    for version in answer.versions:
        yield "", version
    for group in answer.groups:
        preferred = group.preferred_version.version if group.preferred_version else ""
        for version in sorted((each.version for each in group.versions), key=lambda v: v != preferred):
            yield group.name, version


def _plain_rows(group: str, version: str, resources: list[meta_v1.APIResource]) -> Iterable[Kind]:
    for found in resources:
        if "/" in found.name:
            continue
        prefix = f"{found.name}/"
        yield _row(
            group,
            version,
            found.kind,
            plural=found.name,
            singular=found.singular_name,
            namespaced=found.namespaced,
            verbs=tuple(found.verbs),
            short_names=tuple(found.short_names or ()),
            categories=tuple(found.categories or ()),
            subresources=tuple(
                each.name[len(prefix) :] for each in resources if each.name.startswith(prefix)
            ),
        )


def _row(group: str, version: str, kind: str, *, plural: str, **served: Any) -> Kind:
    """The built-in row where there is one, so that it is typed; else one made from what the server says."""
    try:
        return kinds.by_resource(group, version, plural)
    except kinds.UnknownKind:
        return Kind(group=group, version=version, kind=kind, plural=plural, **cast(Any, served))


def _group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version
