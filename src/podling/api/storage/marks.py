"""Names by which the parts of a binding talk to each other through the API (reference/labels-annotations-taints)."""

from __future__ import annotations

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
"""On a claim: it has been bound. If its volume is gone nevertheless, the claim is lost."""
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
"""On a claim or volume: its reference to the other was not set by a user, so it may be taken back."""
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
"""On a volume: who made it, and therefore deletes it."""
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
PROVISIONER_BETA = "volume.beta.kubernetes.io/storage-provisioner"
"""On a claim: who is to make a volume for it."""
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""On a claim of a class that waits for its first consumer: where that will run."""
CLASS_BETA = "volume.beta.kubernetes.io/storage-class"
"""On a claim or volume: its class, as it was said before there was a field."""
IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"
IS_DEFAULT_BETA = "storageclass.beta.kubernetes.io/is-default-class"

VOLUME_PROTECTION = "kubernetes.io/pv-protection"
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"

NO_PROVISIONER = "kubernetes.io/no-provisioner"
YES = "yes"
STORAGE = "storage"
