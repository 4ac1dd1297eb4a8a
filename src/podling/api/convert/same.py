"""Versions that differ in nothing but their name."""

from __future__ import annotations

from typing import Any


def to_stored(document: dict[str, Any]) -> dict[str, Any]:
    return document


def from_stored(document: dict[str, Any]) -> dict[str, Any]:
    return document
