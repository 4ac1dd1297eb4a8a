"""Jobs: unless the author takes charge of it, the server makes a selector that only this Job's Pods can match."""

from __future__ import annotations

from podling.api.kinds import Kind
from podling.api.types import batch_v1, meta_v1

from .addresses import Addresses
from .strategy import Context, Strategy

UID_LABEL = "batch.kubernetes.io/controller-uid"
NAME_LABEL = "batch.kubernetes.io/job-name"
LEGACY_UID_LABEL = "controller-uid"
LEGACY_NAME_LABEL = "job-name"


def make(kind: Kind, addresses: Addresses) -> Strategy:
    return JobStrategy(kind)


class JobStrategy(Strategy):
    orphans_by_default = True

    def prepare_create(self, body: batch_v1.Job, context: Context) -> None:
        super().prepare_create(body, context)
        spec = body.spec
        if spec is None or spec.manual_selector:
            return
        uid, name = body.metadata.uid or "", body.metadata.name or ""
        spec.selector = spec.selector or meta_v1.LabelSelector()
        spec.selector.match_labels = {UID_LABEL: uid, **(spec.selector.match_labels or {})}
        template = spec.template.metadata = spec.template.metadata or meta_v1.ObjectMeta()
        own = {UID_LABEL: uid, LEGACY_UID_LABEL: uid, NAME_LABEL: name, LEGACY_NAME_LABEL: name}
        template.labels = {**own, **(template.labels or {})}
        body.metadata.labels = body.metadata.labels or dict(template.labels)
