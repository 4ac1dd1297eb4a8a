"""A container's environment: Service links, ``envFrom``, ``env``, with ``$(VAR)`` expanded as it is built.

Later sources win over earlier ones; what is defined by hand wins over Service links.
(Source: tasks/inject-data-application; kubelet `makeEnvironmentVariables`.)
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from podling.agent.errors import ConfigFault
from podling.api import expansion
from podling.api.types import core_v1

from . import fields
from .fields import Facts

Lookup = Callable[[str], core_v1.ConfigMap | None]
SecretLookup = Callable[[str], core_v1.Secret | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where values come from: the Pod's facts, Service links, ConfigMaps and Secrets of its namespace by name."""

    facts: Facts
    links: Mapping[str, str]
    config_map: Lookup
    secret: SecretLookup


@dataclass(slots=True)
class Environment:
    """The variables in order, and which keys of which source were no names of variables (told in an Event)."""

    variables: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)


def build(pod: core_v1.Pod, container: core_v1.Container, sources: Sources) -> Environment:
    """The environment of ``container``.  Raises ``ConfigFault`` for what is missing and not optional."""
    made = Environment()
    namespace = pod.metadata.namespace or ""
    for source in container.env_from or []:
        _take_all(made, source, sources, namespace)
    for variable in container.env or []:
        value = _value(pod, container, variable, made, sources)
        if value is not None:
            made.variables[variable.name] = value
    for name, value in sources.links.items():
        made.variables.setdefault(name, value)
    return made


def references(container: core_v1.Container) -> tuple[list[str], list[str]]:
    """The ConfigMaps and Secrets that the environment is taken from, by name."""
    config_maps: list[str] = []
    secrets: list[str] = []
    for source in container.env_from or []:
        if source.config_map_ref is not None:
            config_maps.append(source.config_map_ref.name or "")
        if source.secret_ref is not None:
            secrets.append(source.secret_ref.name or "")
    for variable in container.env or []:
        origin = variable.value_from
        if origin is not None and origin.config_map_key_ref is not None:
            config_maps.append(origin.config_map_key_ref.name or "")
        if origin is not None and origin.secret_key_ref is not None:
            secrets.append(origin.secret_key_ref.name or "")
    return config_maps, secrets


def text_of(config_map: core_v1.ConfigMap) -> dict[str, str]:
    return config_map.data or {}


def text_of_secret(secret: core_v1.Secret) -> dict[str, str]:
    return {key: _decode(value) for key, value in (secret.data or {}).items()}


def _take_all(made: Environment, source: core_v1.EnvFromSource, sources: Sources, namespace: str) -> None:
    """All keys of one ConfigMap or Secret."""
    ref: core_v1.ConfigMapEnvSource | core_v1.SecretEnvSource
    if source.config_map_ref is not None:
        ref, kind = source.config_map_ref, "configmap"
        config_map = sources.config_map(ref.name or "")
        values = None if config_map is None else text_of(config_map)
    elif source.secret_ref is not None:
        ref, kind = source.secret_ref, "secret"
        secret = sources.secret(ref.name or "")
        values = None if secret is None else text_of_secret(secret)
    else:
        return
    if values is None:
        if ref.optional:
            return
        raise ConfigFault(f'{kind} "{ref.name}" not found')
    for key, value in values.items():
        name = f"{source.prefix or ''}{key}"
        if _is_name(name):
            made.variables[name] = value
        else:
            made.skipped.setdefault(f"{kind} {namespace}/{ref.name}", []).append(name)


def _value(
    pod: core_v1.Pod,
    container: core_v1.Container,
    variable: core_v1.EnvVar,
    made: Environment,
    sources: Sources,
) -> str | None:
    """One variable's value; None leaves it out."""
    if variable.value:
        return expansion.expand(variable.value, {**sources.links, **made.variables})
    origin = variable.value_from
    if origin is None:
        return ""
    if origin.field_ref is not None:
        return fields.field(pod, origin.field_ref.field_path, sources.facts)
    if origin.resource_field_ref is not None:
        return fields.resource(pod, origin.resource_field_ref, container.name, sources.facts)
    namespace = pod.metadata.namespace or ""
    if origin.config_map_key_ref is not None:
        return _config_map_key(origin.config_map_key_ref, sources, namespace)
    if origin.secret_key_ref is not None:
        return _secret_key(origin.secret_key_ref, sources, namespace)
    raise ConfigFault(f"cannot set variable {variable.name}: its source is not supported by this node")


def _config_map_key(ref: core_v1.ConfigMapKeySelector, sources: Sources, namespace: str) -> str | None:
    found = sources.config_map(ref.name or "")
    if found is None:
        if ref.optional:
            return None
        raise ConfigFault(f'configmap "{ref.name}" not found')
    value = text_of(found).get(ref.key)
    if value is None and not ref.optional:
        raise ConfigFault(f"couldn't find key {ref.key} in ConfigMap {namespace}/{ref.name}")
    return value


def _secret_key(ref: core_v1.SecretKeySelector, sources: Sources, namespace: str) -> str | None:
    found = sources.secret(ref.name or "")
    if found is None:
        if ref.optional:
            return None
        raise ConfigFault(f'secret "{ref.name}" not found')
    value = (found.data or {}).get(ref.key)
    if value is None:
        if ref.optional:
            return None
        raise ConfigFault(f"couldn't find key {ref.key} in Secret {namespace}/{ref.name}")
    return _decode(value)


def _decode(value: str) -> str:
    """A Secret's value as text; bytes that are no UTF-8 travel as the kernel would pass them."""
    return base64.b64decode(value).decode(errors="surrogateescape")


def _is_name(name: str) -> bool:
    """Any printable ASCII but ``=`` (API reference, EnvFromSource.prefix, since v1.34)."""
    return bool(name) and all(" " <= char <= "~" and char != "=" for char in name)
