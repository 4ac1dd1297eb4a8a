"""What is said of ServiceAccounts; nothing but their metadata is refused (pkg/registry/core/serviceaccount)."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api.types import core_v1

ENFORCE_SECRETS = "kubernetes.io/enforce-mountable-secrets"


def warnings(account: core_v1.ServiceAccount, old: core_v1.ServiceAccount | None) -> Iterator[str]:
    had = (old.metadata.annotations if old is not None else None) or {}
    if ENFORCE_SECRETS in (account.metadata.annotations or {}) and ENFORCE_SECRETS not in had:
        why = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
        yield f"metadata.annotations[{ENFORCE_SECRETS}]: {why}"
