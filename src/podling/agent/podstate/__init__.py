"""What to do about a Pod next, and what its status says: the kubelet's rules as one pure function.

    plan(View) -> Plan(actions, status, wake_at, notes)

The same view always gives the same plan; no step is remembered.  A Pod's life, as the view shows it:

                refused at admission, evicted, deadline passed
           +--------------------------------------------------------+
           |                                                        v
    STARTING --volumes, sandbox, init containers, containers--> RUNNING --all done, none to restart--+
        |  ^                                                        |                                |
        |  +-----------------sandbox died---------------------------+                                |
        |            deletionTimestamp, object gone, agent shuts down                                v
        +-----------------------------------------------------------+--------------------------> ENDING
                                                                                                     |
        ENDED: sandbox and volumes are gone; the final status is written  <--containers have exited--+
        GONE:  the object too, if it was to be deleted

`bringup` rules STARTING and RUNNING, `ending` the rest; nothing leads back from ENDING (a shutdown is forgotten with the
process).  `restarts` holds restart policies and CrashLoopBackOff, `status` and its siblings what the API shows.
Carrying out, waiting and writing are left to `podling.agent.podworker`.
"""

from .actions import (
    Action,
    CreateSandbox,
    DeleteObject,
    KillContainer,
    MountVolumes,
    Note,
    PrepareImage,
    RemoveContainer,
    RemoveSandbox,
    ResizePod,
    StartContainer,
    StopSandbox,
    UnmountVolumes,
)
from .plan import Plan, plan
from .view import Failure, Probed, Verdict, View, Volumes

__all__ = [
    "Action",
    "CreateSandbox",
    "DeleteObject",
    "Failure",
    "KillContainer",
    "MountVolumes",
    "Note",
    "Plan",
    "PrepareImage",
    "Probed",
    "RemoveContainer",
    "RemoveSandbox",
    "ResizePod",
    "StartContainer",
    "StopSandbox",
    "UnmountVolumes",
    "Verdict",
    "View",
    "Volumes",
    "plan",
]
