"""Defaults of HorizontalPodAutoscalers in autoscaling/v1."""

from __future__ import annotations

from podling.api.types import autoscaling_v1


def autoscaler(body: autoscaling_v1.HorizontalPodAutoscaler) -> None:
    if body.spec is not None and body.spec.min_replicas is None:
        body.spec.min_replicas = 1


DEFAULTS = {"HorizontalPodAutoscaler": autoscaler}
