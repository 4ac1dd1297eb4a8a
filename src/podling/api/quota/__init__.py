"""Quotas as arithmetic: what objects use, which quotas that touches, and whether they allow it.

The API server charges by it when objects are made, the quota controller counts again by it afterwards, so both agree. `amounts` is the
arithmetic, `measures` says what each kind uses, `scopes` which objects a quota with scopes counts, `charging` puts them together.
Source: k8s.io/apiserver/pkg/quota/v1 and pkg/quota/v1/evaluator; https://kubernetes.io/docs/concepts/policy/resource-quotas/.
"""

from __future__ import annotations

from .charging import Ledger, Refused, charge
from .counting import count, is_counted
from .measures import Measure, counted, of

__all__ = ["Ledger", "Measure", "Refused", "charge", "count", "counted", "is_counted", "of"]
