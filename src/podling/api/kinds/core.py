"""The core group (`/api/v1`) and its Events as `events.k8s.io` sees them."""

from __future__ import annotations

from .row import CREATE, READ_WRITE, builtin

_NO_COLLECTION = tuple(verb for verb in READ_WRITE if verb != "deletecollection")

_EVENT_FIELDS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

BINDING = builtin("v1", "Binding", "bindings", verbs=CREATE)
COMPONENT_STATUS = builtin(
    "v1", "ComponentStatus", "componentstatuses", namespaced=False, short=("cs",), verbs=("get", "list")
)
CONFIG_MAP = builtin("v1", "ConfigMap", "configmaps", short=("cm",))
ENDPOINTS = builtin(
    "v1",
    "Endpoints",
    "endpoints",
    short=("ep",),
    prefix="services/endpoints",
    create_on_update=True,
)
EVENT = builtin(
    "v1",
    "Event",
    "events",
    short=("ev",),
    selectable=(
        *(f"involvedObject.{name}" for name in _EVENT_FIELDS),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    history=False,
    create_on_update=True,
)
LIMIT_RANGE = builtin("v1", "LimitRange", "limitranges", short=("limits",), create_on_update=True)
NAMESPACE = builtin(
    "v1",
    "Namespace",
    "namespaces",
    namespaced=False,
    short=("ns",),
    verbs=_NO_COLLECTION,
    subresources=("finalize", "status"),
    selectable=("status.phase",),
    name_rule="label",
)
NODE = builtin(
    "v1",
    "Node",
    "nodes",
    namespaced=False,
    short=("no",),
    subresources=("proxy", "status"),
    selectable=("spec.unschedulable",),
    prefix="minions",
)
PERSISTENT_VOLUME_CLAIM = builtin(
    "v1", "PersistentVolumeClaim", "persistentvolumeclaims", short=("pvc",), subresources=("status",)
)
PERSISTENT_VOLUME = builtin(
    "v1", "PersistentVolume", "persistentvolumes", namespaced=False, short=("pv",), subresources=("status",)
)
POD = builtin(
    "v1",
    "Pod",
    "pods",
    short=("po",),
    categories=("all",),
    subresources=(
        "attach",
        "binding",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "log",
        "portforward",
        "proxy",
        "resize",
        "status",
    ),
    selectable=(
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    generation=True,
)
POD_TEMPLATE = builtin("v1", "PodTemplate", "podtemplates", generation=True)
REPLICATION_CONTROLLER = builtin(
    "v1",
    "ReplicationController",
    "replicationcontrollers",
    short=("rc",),
    categories=("all",),
    subresources=("scale", "status"),
    selectable=("status.replicas",),
    prefix="controllers",
    generation=True,
)
RESOURCE_QUOTA = builtin("v1", "ResourceQuota", "resourcequotas", short=("quota",), subresources=("status",))
SECRET = builtin("v1", "Secret", "secrets", selectable=("type",))
SERVICE_ACCOUNT = builtin("v1", "ServiceAccount", "serviceaccounts", short=("sa",), subresources=("token",))
SERVICE = builtin(
    "v1",
    "Service",
    "services",
    short=("svc",),
    categories=("all",),
    subresources=("proxy", "status"),
    selectable=("spec.clusterIP", "spec.type"),
    prefix="services/specs",
    create_on_update=True,
    name_rule="dns1035-label",
)

EVENT_EVENTS_V1 = builtin(
    "events.k8s.io/v1",
    "Event",
    "events",
    short=("ev",),
    selectable=(
        *(f"regarding.{name}" for name in _EVENT_FIELDS),
        "reason",
        "reportingController",
        "type",
    ),
    storage_version="v1",
    convert="event",
    history=False,
    create_on_update=True,
)
