"""Defaults of Jobs and CronJobs."""

from __future__ import annotations

from podling.api.types import batch_v1

from .pod_spec import template

BACKOFF_LIMIT = 6
UNLIMITED = 2**31 - 1


def job(body: batch_v1.Job) -> None:
    spec = body.spec
    if spec is None:
        return
    if spec.completions is None and spec.parallelism is None:
        spec.completions = spec.parallelism = 1
    spec.parallelism = 1 if spec.parallelism is None else spec.parallelism
    labels = spec.template.metadata.labels if spec.template.metadata is not None else None
    if labels and not body.metadata.labels:
        body.metadata.labels = dict(labels)
    job_spec(spec)


def job_spec(spec: batch_v1.JobSpec) -> None:
    """What Jobs and the templates of CronJobs share; a template's completions stay open, as upstream leaves them."""
    if spec.backoff_limit is None:
        spec.backoff_limit = BACKOFF_LIMIT if spec.backoff_limit_per_index is None else UNLIMITED
    spec.completion_mode = spec.completion_mode or "NonIndexed"
    spec.suspend = bool(spec.suspend)
    if spec.pod_replacement_policy is None:
        spec.pod_replacement_policy = "TerminatingOrFailed" if spec.pod_failure_policy is None else "Failed"
    if spec.pod_failure_policy is not None:
        for rule in spec.pod_failure_policy.rules:
            for condition in rule.on_pod_conditions or ():
                condition.status = condition.status or "True"
    spec.manual_selector = bool(spec.manual_selector) if spec.manual_selector is not None else None
    template(spec.template)


def cron_job(body: batch_v1.CronJob) -> None:
    spec = body.spec
    spec.concurrency_policy = spec.concurrency_policy or "Allow"
    spec.suspend = bool(spec.suspend)
    if spec.successful_jobs_history_limit is None:
        spec.successful_jobs_history_limit = 3
    if spec.failed_jobs_history_limit is None:
        spec.failed_jobs_history_limit = 1
    if spec.job_template.spec is not None:
        template(spec.job_template.spec.template)


DEFAULTS = {"CronJob": cron_job, "Job": job}
