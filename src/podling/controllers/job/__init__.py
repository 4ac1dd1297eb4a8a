"""Jobs: Pods that run to their end, as many as asked for, each counted exactly once.

`pods` answers what a Job asks of one of its Pods, `indexes` writes sets of indexes as a status has them, `policies` holds the rules for failures and
success, `draft` makes the next Pod, `view` gathers a Job's world, `verdict` says whether the Job is over, `decide` what is to be made and deleted, and
`counting` moves ended Pods into the status (all pure); `controller` acts.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
