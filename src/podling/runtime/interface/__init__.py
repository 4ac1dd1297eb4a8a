"""What a node agent asks of a container runtime: CRI v1's verbs with CRI's meaning, as Python data.

Why it exists: the agent decides (``agent/podstate.py``) and somebody else carries out.  ``oci`` (conmon + crun/runc),
``cri`` (containerd, CRI-O), ``process`` and ``simulated`` are interchangeable behind ``Runtime`` and pass one
conformance suite (``podling.testing.runtime_suite``).

The contract, beyond the signatures:

* **Identity.** Ids are opaque, unique on the node and never reused.  A *sandbox* is one attempt of one Pod; its
  ``(namespace, name, uid, attempt)`` is unique.  A container belongs to exactly one sandbox.
* **Idempotence.** ``stop_*`` and ``remove_*`` succeed on what is already stopped or gone, including unknown ids.
  ``remove_sandbox`` removes its containers by force.  ``create_*`` and ``start_container`` are not idempotent.
* **Durability.** Sandboxes and containers outlive the process that made them.  A new ``Runtime`` over the same
  state folder lists them with the same ids and reports every exit that happened in between.
* **Cancellation.** A cancelled ``run_sandbox`` or ``create_container`` leaves nothing behind; a cancelled
  ``stop_container`` may leave the container running, with a signal already sent.
* **Events.** ``events()`` yields every change of a container's state once, in order per container.  Subscribe
  first, then list: what happens between is in both, and nothing is in neither.
* **Errors.** Everything raised is a ``RuntimeFault`` (the tree is in ``faults``); messages read "cannot <verb> <what>: <why>".
"""

from __future__ import annotations

from .faults import (
    CreateFault,
    ImageFault,
    NotFound,
    RuntimeFault,
    StartFault,
    Timeout,
    Unavailable,
    Unsupported,
)
from .reports import (
    Container,
    ContainerEvent,
    ContainerState,
    ContainerStats,
    ContainerUser,
    ExecResult,
    Image,
    RuntimeInfo,
    Sandbox,
    SandboxState,
)
from .requests import (
    ContainerConfig,
    Credentials,
    Device,
    DnsConfig,
    IdMapping,
    Mount,
    MountPropagation,
    NamespaceMode,
    NamespaceOptions,
    PortMapping,
    Resources,
    SandboxConfig,
    SeccompProfile,
    SecurityContext,
)
from .verbs import (
    Images,
    Runtime,
    SandboxNetwork,
    Stream,
)

__all__ = [
    "Container",
    "ContainerConfig",
    "ContainerEvent",
    "ContainerState",
    "ContainerStats",
    "ContainerUser",
    "CreateFault",
    "Credentials",
    "Device",
    "DnsConfig",
    "ExecResult",
    "IdMapping",
    "Image",
    "ImageFault",
    "Images",
    "Mount",
    "MountPropagation",
    "NamespaceMode",
    "NamespaceOptions",
    "NotFound",
    "PortMapping",
    "Resources",
    "Runtime",
    "RuntimeFault",
    "RuntimeInfo",
    "Sandbox",
    "SandboxConfig",
    "SandboxNetwork",
    "SandboxState",
    "SeccompProfile",
    "SecurityContext",
    "StartFault",
    "Stream",
    "Timeout",
    "Unavailable",
    "Unsupported",
]
