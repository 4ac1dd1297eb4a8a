"""CronJobs: a Job for every time that a schedule is due, never two for the same time.

`starts` finds the latest time that is due, `draft` writes the Job for it, `active` keeps the books of Jobs that run, `history` chooses which ended Jobs
go, `decide` says whether to start now or when to look again (all pure); `controller` acts.
"""

from .controller import NAME, controller

__all__ = ["NAME", "controller"]
