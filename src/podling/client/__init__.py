"""A typed, asynchronous Kubernetes client, over HTTPS or straight into an API server of the same process.

Everything in Podling that talks to the API goes through here, and through nothing else:

    client = Client(HttpTransport(address))                 # or cluster.inprocess.InProcessTransport(...)
    pods = client.resource(core_v1.Pod)
    pod = await pods.get("web", namespace="default")

`client`, `resource` and `watch` speak to the server; `informer` and `informers` keep a local copy; `events`, `leases` and `election`
are what every program needs besides; `kubeconfig` reads and writes kubectl's files.
"""

from .client import Client
from .errors import ClientError, ConfigFault, ConnectionFault, ProtocolFault
from .resource import PatchType, Resource
from .transport import Request, Response, Transport
from .wire import EventType, ListPage, WatchEvent

__all__ = [
    "Client",
    "ClientError",
    "ConfigFault",
    "ConnectionFault",
    "EventType",
    "ListPage",
    "PatchType",
    "ProtocolFault",
    "Request",
    "Resource",
    "Response",
    "Transport",
    "WatchEvent",
]
