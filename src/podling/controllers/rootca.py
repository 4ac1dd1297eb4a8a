"""Every namespace has the ConfigMap `kube-root-ca.crt`: the certificates that Pods verify the API server with.

It is ours: made again when deleted, put right when changed (KEP-1205; upstream's root-ca-certificate-publisher).
"""

from __future__ import annotations

import contextlib

from podling.api import codec, kinds
from podling.api.errors import AlreadyExists
from podling.api.types import core_v1, meta_v1

from .reconcile import DONE, Context, Controller, Key, Outcome, Watch, namespace_key, own_key
from .termination import accepts_content, ignoring_termination

NAME = "root-ca-certificate-publisher-controller"
CONFIG_MAP = "kube-root-ca.crt"
FILE = "ca.crt"
DESCRIPTION = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints"
    " such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes"
    " clusters."
}


def decide(
    namespace: core_v1.Namespace | None, there: core_v1.ConfigMap | None, root_ca: str
) -> core_v1.ConfigMap | None:
    """What is to be there, made from what is there, or nothing if that is right."""
    if namespace is None or not accepts_content(namespace):
        return None
    if there is None:
        metadata = meta_v1.ObjectMeta(
            name=CONFIG_MAP, namespace=namespace.metadata.name, annotations=DESCRIPTION
        )
        return core_v1.ConfigMap(metadata=metadata, data={FILE: root_ca})
    if there.data == {FILE: root_ca} and DESCRIPTION.items() <= (there.metadata.annotations or {}).items():
        return None
    wanted = codec.struct_clone(there)
    wanted.data = {FILE: root_ca}
    wanted.metadata.annotations = {**(wanted.metadata.annotations or {}), **DESCRIPTION}
    return wanted


def controller(context: Context) -> Controller:
    config_maps = context.clients(NAME).resource(core_v1.ConfigMap)
    root_ca = context.settings.root_ca
    watches = (
        Watch(kind=kinds.NAMESPACE, keys=own_key),
        Watch(kind=kinds.CONFIG_MAP, keys=namespace_key, field_selector=f"metadata.name={CONFIG_MAP}"),
    )
    namespaces, published = (watch.informer(context.informers) for watch in watches)

    async def reconcile(key: Key) -> Outcome:
        wanted = decide(namespaces.get("", key.name), published.get(key.name, CONFIG_MAP), root_ca)
        with contextlib.suppress(AlreadyExists), ignoring_termination():
            if wanted is not None and wanted.metadata.uid:
                await config_maps.update(wanted)
            elif wanted is not None:
                await config_maps.create(wanted)
        return DONE

    return Controller(name=NAME, watches=watches, reconcile=reconcile)
