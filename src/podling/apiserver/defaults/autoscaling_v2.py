"""Defaults of HorizontalPodAutoscalers in autoscaling/v2: 80 % CPU unless other metrics are named."""

from __future__ import annotations

from podling.api.types import autoscaling_v2

CPU_PERCENT = 80
PERIOD_SECONDS = 15


def autoscaler(body: autoscaling_v2.HorizontalPodAutoscaler) -> None:
    spec = body.spec
    if spec.min_replicas is None:
        spec.min_replicas = 1
    if not spec.metrics:
        target = autoscaling_v2.MetricTarget(type="Utilization", average_utilization=CPU_PERCENT)
        cpu = autoscaling_v2.ResourceMetricSource(name="cpu", target=target)
        spec.metrics = [autoscaling_v2.MetricSpec(type="Resource", resource=cpu)]
    if spec.behavior is not None:
        _behavior(spec.behavior)


def _behavior(behavior: autoscaling_v2.HorizontalPodAutoscalerBehavior) -> None:
    up = behavior.scale_up = behavior.scale_up or autoscaling_v2.HPAScalingRules()
    if up.stabilization_window_seconds is None:
        up.stabilization_window_seconds = 0
    up.select_policy = up.select_policy or "Max"
    if not up.policies:
        up.policies = [_policy("Pods", 4), _policy("Percent", 100)]
    down = behavior.scale_down = behavior.scale_down or autoscaling_v2.HPAScalingRules()
    down.select_policy = down.select_policy or "Max"
    if not down.policies:
        down.policies = [_policy("Percent", 100)]


def _policy(kind: str, value: int) -> autoscaling_v2.HPAScalingPolicy:
    return autoscaling_v2.HPAScalingPolicy(type=kind, value=value, period_seconds=PERIOD_SECONDS)


DEFAULTS = {"HorizontalPodAutoscaler": autoscaler}
