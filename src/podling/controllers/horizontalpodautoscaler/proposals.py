"""What each metric of an autoscaler proposes: ask for it, compute, and say it as the status does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from podling.api import gotext, quantity, selectors
from podling.api.gotext import quote
from podling.api.selectors import LabelSelector
from podling.api.types import autoscaling_v2, core_v1, meta_v1

from . import arithmetic, grouping
from .arithmetic import Tolerances
from .grouping import Metrics, Patience, Uncomputable
from .measuring import Measuring
from .scaling import Scaling, Target, UnknownTarget

Spec = autoscaling_v2.MetricSpec
MetricStatus = autoscaling_v2.MetricStatus
Value = autoscaling_v2.MetricValueStatus
Identifier = autoscaling_v2.MetricIdentifier


class Proposal(NamedTuple):
    """How many replicas, by which metric (in the words of Events), and what the status shows of it."""

    replicas: int
    metric: str
    status: MetricStatus


class NoProposal(Exception):
    """The metric cannot be had: ``reason`` of the Event and condition, ``told`` to users, the exception's text to the whole."""

    def __init__(self, reason: str, told: str, whole: str) -> None:
        super().__init__(whole)
        self.reason = reason
        self.told = told


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything about a target that its metrics have in common."""

    namespace: str
    target: Target
    selector: LabelSelector
    pods: Sequence[core_v1.Pod]
    tolerances: Tolerances
    patience: Patience
    now: float

    def groups(self, metrics: Metrics, resource: str) -> grouping.Groups:
        if not self.pods:
            raise Uncomputable("no pods returned by selector while calculating replica count")
        return grouping.grouped(self.pods, metrics, resource=resource, now=self.now, patience=self.patience)

    def ready(self) -> int:
        if not self.pods:
            why = "no pods returned by selector while calculating replica count"
            raise Uncomputable(f"unable to calculate ready pods: {why}")
        return grouping.ready_pods(self.pods)


class Proposals:
    def __init__(self, measuring: Measuring, scaling: Scaling) -> None:
        self._measuring = measuring
        self._scaling = scaling

    async def of(self, spec: Spec, asked: Question) -> Proposal:
        """Raises NoProposal."""
        if spec.type == "Resource" and spec.resource is not None:
            return await self._resource(spec.resource, asked)
        if spec.type == "ContainerResource" and spec.container_resource is not None:
            return await self._container(spec.container_resource, asked)
        if spec.type == "Pods" and spec.pods is not None:
            return await self._pods(spec.pods, asked)
        if spec.type == "Object" and spec.object is not None:
            return await self._object(spec.object, asked)
        if spec.type == "External" and spec.external is not None:
            return await self._external(spec.external, asked)
        told = f"unknown metric source type {quote(spec.type)}"
        raise NoProposal("InvalidMetricSourceType", told, told)

    async def _resource(self, source: autoscaling_v2.ResourceMetricSource, asked: Question) -> Proposal:
        try:
            replicas, metric, value = await self._of_resource(source.name, source.target, asked, container="")
        except Uncomputable as error:
            whole = f"failed to get {source.name} resource metric value: {error}"
            raise NoProposal("FailedGetResourceMetric", str(error), whole) from error
        told = autoscaling_v2.ResourceMetricStatus(name=source.name, current=value)
        return Proposal(replicas, metric, MetricStatus(type="Resource", resource=told))

    async def _container(
        self, source: autoscaling_v2.ContainerResourceMetricSource, asked: Question
    ) -> Proposal:
        try:
            replicas, metric, value = await self._of_resource(
                source.name, source.target, asked, container=source.container
            )
        except Uncomputable as error:
            whole = f"failed to get {source.container} container metric value: {error}"
            raise NoProposal("FailedGetContainerResourceMetric", str(error), whole) from error
        told = autoscaling_v2.ContainerResourceMetricStatus(
            name=source.name, container=source.container, current=value
        )
        return Proposal(replicas, metric, MetricStatus(type="ContainerResource", container_resource=told))

    async def _of_resource(
        self, name: str, target: autoscaling_v2.MetricTarget, asked: Question, *, container: str
    ) -> tuple[int, str, Value]:
        if target.average_value is not None:
            metrics = await self._measured(name, asked, container, "usage")
            try:
                average = arithmetic.by_average(
                    asked.target.wanted,
                    quantity.parse(target.average_value).milli_value(),
                    metrics=metrics,
                    groups=asked.groups(metrics, name),
                    tolerances=asked.tolerances,
                )
            except Uncomputable as error:
                raise Uncomputable(f"failed to get {name} usage: {error}") from error
            return average.replicas, f"{name} resource", Value(average_value=_milli(average.average))
        if target.average_utilization is None:
            raise Uncomputable(
                "invalid resource metric source: neither an average utilization target nor an average value (usage) "
                "target was set"
            )
        metrics = await self._measured(name, asked, container, "utilization")
        try:
            groups = asked.groups(metrics, name)
            grouping.counted(metrics, groups)  # what is said first where several things are wrong
            used = arithmetic.by_utilization(
                asked.target.wanted,
                target.average_utilization,
                metrics=metrics,
                requests=grouping.requests(asked.pods, resource=name, container=container),
                groups=groups,
                tolerances=asked.tolerances,
            )
        except Uncomputable as error:
            raise Uncomputable(f"failed to get {name} utilization: {error}") from error
        which = " container" if container else ""
        metric = f"{name}{which} resource utilization (percentage of request)"
        value = Value(average_utilization=used.percent, average_value=_milli(used.average))
        return used.replicas, metric, value

    async def _measured(self, name: str, asked: Question, container: str, what: str) -> Metrics:
        try:
            return await self._measuring.resource(name, asked.namespace, asked.selector, container=container)
        except Uncomputable as error:
            why = f"unable to get metrics for resource {name}: {error}"
            raise Uncomputable(f"failed to get {name} {what}: {why}") from error

    async def _pods(self, source: autoscaling_v2.PodsMetricSource, asked: Question) -> Proposal:
        name, target = source.metric.name, quantity.parse(source.target.average_value or "0")
        try:
            try:
                metrics = await self._measuring.pods(
                    name, asked.namespace, asked.selector, metric_selector=_text(source.metric.selector)
                )
            except Uncomputable as error:
                raise Uncomputable(f"unable to get metric {name}: {error}") from error
            average = arithmetic.by_average(
                asked.target.wanted,
                target.milli_value(),
                metrics=metrics,
                groups=asked.groups(metrics, ""),
                tolerances=asked.tolerances,
            )
        except Uncomputable as error:
            whole = f"failed to get pods metric value: {error}"
            raise NoProposal("FailedGetPodsMetric", str(error), whole) from error
        told = autoscaling_v2.PodsMetricStatus(
            metric=source.metric, current=Value(average_value=_milli(average.average))
        )
        return Proposal(average.replicas, f"pods metric {name}", MetricStatus(type="Pods", pods=told))

    async def _object(self, source: autoscaling_v2.ObjectMetricSource, asked: Question) -> Proposal:
        name, target, described = source.metric.name, source.target, source.described_object
        try:
            usage = await self._of_object(source, asked)
            if target.type == "Value" and target.value is not None:
                wanted, value = quantity.parse(target.value).milli_value(), Value(value=_milli(usage))
                replicas = _by_value(usage, wanted, asked)
                metric = f"{described.kind} metric {name}"
            elif target.type == "AverageValue" and target.average_value is not None:
                share = _by_share(usage, target.average_value, asked)
                replicas, value = share.replicas, Value(average_value=_milli(share.average))
                metric = f"external metric {name}({_shown(source.metric)})"
            else:
                raise Uncomputable(
                    "invalid object metric source: neither a value target nor an average value target was set"
                )
        except Uncomputable as error:
            whole = f"failed to get object metric value: {error}"
            raise NoProposal("FailedGetObjectMetric", str(error), whole) from error
        told = autoscaling_v2.ObjectMetricStatus(
            described_object=described, metric=source.metric, current=value
        )
        return Proposal(replicas, metric, MetricStatus(type="Object", object=told))

    async def _of_object(self, source: autoscaling_v2.ObjectMetricSource, asked: Question) -> int:
        name, described = source.metric.name, source.described_object
        try:
            row = await self._scaling.row(described)
            return await self._measuring.object(
                name,
                asked.namespace,
                described,
                resource=row.resource,
                metric_selector=_text(source.metric.selector),
            )
        except (Uncomputable, UnknownTarget) as error:
            each = source.target.type == "AverageValue"
            prefix = f"failed to get {name} object metric: " if each else ""
            where = f"{described.kind} on {asked.namespace} {described.name}"
            raise Uncomputable(f"{prefix}unable to get metric {name}: {where}/{error}") from error

    async def _external(self, source: autoscaling_v2.ExternalMetricSource, asked: Question) -> Proposal:
        name, target = source.metric.name, source.target
        try:
            if target.average_value is None and target.value is None:
                raise Uncomputable(
                    "invalid external metric source: neither a value target nor an average value target was set"
                )
            usage = await self._of_external(source, asked)
            if target.average_value is not None:
                share = _by_share(usage, target.average_value, asked)
                replicas, value = share.replicas, Value(average_value=_milli(share.average))
            else:
                replicas = _by_value(usage, quantity.parse(target.value or "0").milli_value(), asked)
                value = Value(value=_milli(usage))
        except Uncomputable as error:
            whole = f"failed to get {name} external metric value: {error}"
            raise NoProposal("FailedGetExternalMetric", str(error), whole) from error
        told = autoscaling_v2.ExternalMetricStatus(metric=source.metric, current=value)
        metric = f"external metric {name}({_shown(source.metric)})"
        return Proposal(replicas, metric, MetricStatus(type="External", external=told))

    async def _of_external(self, source: autoscaling_v2.ExternalMetricSource, asked: Question) -> int:
        name = source.metric.name
        try:
            values = await self._measuring.external(
                name, asked.namespace, metric_selector=_text(source.metric.selector)
            )
        except Uncomputable as error:
            what = f"{asked.namespace}/{name}/{_shown(source.metric)}"
            each = source.target.average_value is not None
            prefix = (
                f"failed to get {name} external metric" if each else f"failed to get external metric {name}"
            )
            raise Uncomputable(f"{prefix}: unable to get external metric {what}: {error}") from error
        return arithmetic.total(values)


def _by_value(usage: int, target: int, asked: Question) -> int:
    current = asked.target.wanted
    ready = 0 if current == 0 else asked.ready()
    return arithmetic.by_value(current, usage, target, ready=ready, tolerances=asked.tolerances)


def _by_share(usage: int, target: str, asked: Question) -> arithmetic.Average:
    each = quantity.parse(target).milli_value()
    return arithmetic.by_share(asked.target.there, usage, each, tolerances=asked.tolerances)


def _milli(amount: int) -> str:
    return str(quantity.milli(amount))


def _text(selector: meta_v1.LabelSelector | None) -> str:
    """A metric's selector as query text; raises Uncomputable for one that makes no sense."""
    if selector is None:
        return ""
    try:
        return str(selectors.from_struct(selector))
    except selectors.SelectorError as error:
        raise Uncomputable(str(error)) from error


def _shown(metric: Identifier) -> str:
    return gotext.label_selector(metric.selector) if metric.selector is not None else "nil"
