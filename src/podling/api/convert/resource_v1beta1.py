"""resource.k8s.io/v1beta1: what v1 nests under `exactly` lies flat in a request, and a device's facts lie under `basic`."""

from __future__ import annotations

from typing import Any

_REQUEST_OWN = ("name", "firstAvailable")
_DEVICE_OWN = ("name",)


def to_stored(document: dict[str, Any]) -> dict[str, Any]:
    return _each(document, _nest_request, _flatten_device)


def from_stored(document: dict[str, Any]) -> dict[str, Any]:
    return _each(document, _flatten_request, _nest_device)


def _each(document: dict[str, Any], request: Any, device: Any) -> dict[str, Any]:
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return document
    devices = spec.get("devices")
    if isinstance(devices, list):  # a slice
        return {**document, "spec": {**spec, "devices": [device(item) for item in devices]}}
    if isinstance(devices, dict) and "requests" in devices:  # a claim
        changed = {**devices, "requests": [request(item) for item in devices["requests"] or ()]}
        return {**document, "spec": {**spec, "devices": changed}}
    if isinstance(spec.get("spec"), dict):  # a claim's template
        return {**document, "spec": _each(spec, request, device)}
    return document


def _nest_request(item: dict[str, Any]) -> dict[str, Any]:
    own, rest = _part(item, _REQUEST_OWN)
    return {**own, "exactly": rest} if rest else own


def _flatten_request(item: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in item.items() if key != "exactly"}, **(item.get("exactly") or {})}


def _flatten_device(item: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in item.items() if key != "basic"}, **(item.get("basic") or {})}


def _nest_device(item: dict[str, Any]) -> dict[str, Any]:
    own, rest = _part(item, _DEVICE_OWN)
    return {**own, "basic": rest}


def _part(item: dict[str, Any], own: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {key: value for key, value in item.items() if key in own},
        {key: value for key, value in item.items() if key not in own},
    )
