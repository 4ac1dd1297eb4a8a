"""Asks the metrics APIs: `metrics.k8s.io` for CPU and memory, the custom and external ones where somebody serves them.

Values are in thousandths. What cannot be had is `Uncomputable` in upstream's words.
Source: kubernetes pkg/controller/podautoscaler/metrics/client.go; k8s.io/metrics/pkg/client.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from podling.api import durations, kinds, quantity, times
from podling.api.errors import ApiError, NoSuchResource, NotFound
from podling.api.selectors import LabelSelector
from podling.api.types import autoscaling_v2, metrics_v1beta1
from podling.client.client import Client
from podling.client.errors import ClientError

from .grouping import Metric, Metrics, Uncomputable

CUSTOM, EXTERNAL = "custom.metrics.k8s.io", "external.metrics.k8s.io"
CUSTOM_VERSIONS = ("v1beta2", "v1beta1")
DEFAULT_WINDOW = 60.0
"""Seconds; what a custom metric that does not say is about (upstream's metricServerDefaultMetricWindow)."""


class _Value(msgspec.Struct, rename="camel"):
    """One item of either list; `value` is a Quantity."""

    value: str | float = "0"
    timestamp: str | None = None
    window_seconds: int | None = None
    window: int | None = None
    described_object: dict[str, Any] = msgspec.field(default_factory=dict)

    def milli(self) -> int:
        return quantity.parse(str(self.value)).milli_value()


class _Values(msgspec.Struct):
    items: list[_Value] = msgspec.field(default_factory=list)


class Measuring:
    """In the name of the controller."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def resource(
        self, resource: str, namespace: str, selector: LabelSelector, *, container: str
    ) -> Metrics:
        """What Pods, or their containers of that name, use; a Pod of which that is not known whole is left out."""
        pods = self._client.resource(metrics_v1beta1.PodMetrics)
        try:
            listed = (await pods.list(namespace=namespace, label_selector=str(selector))).items
        except (ApiError, ClientError) as error:
            words = _words(error, f"{kinds.POD_METRICS.resource}")
            raise Uncomputable(f"unable to fetch metrics from resource metrics API: {words}") from error
        if not listed:
            raise Uncomputable("no metrics returned from resource metrics API")
        found = {pod.metadata.name or "": _used(pod, resource, container) for pod in listed}
        return {name: metric for name, metric in found.items() if metric is not None}

    async def pods(
        self, name: str, namespace: str, selector: LabelSelector, *, metric_selector: str
    ) -> Metrics:
        """A custom metric of each Pod."""
        query = _query(labelSelector=str(selector), metricLabelSelector=metric_selector)
        items = await self._custom(f"namespaces/{namespace}/pods/*/{name}{query}")
        return {
            item.described_object.get("name", ""): Metric(
                item.milli(),
                times.parse(item.timestamp) if item.timestamp else 0.0,
                float(item.window_seconds or DEFAULT_WINDOW),
            )
            for item in items
        }

    async def object(
        self,
        name: str,
        namespace: str,
        described: autoscaling_v2.CrossVersionObjectReference,
        *,
        resource: str,
        metric_selector: str,
    ) -> int:
        """A custom metric of one object, whose resource is `resource` (`ingresses.networking.k8s.io`)."""
        query = _query(metricLabelSelector=metric_selector)
        where = f"namespaces/{namespace}/{resource}/{described.name}"
        if described.kind == "Namespace":
            where = f"namespaces/{namespace}/metrics"
        items = await self._custom(f"{where}/{name}{query}")
        return items[0].milli()

    async def external(self, name: str, namespace: str, *, metric_selector: str) -> list[int]:
        """All values of an external metric."""
        path = f"/apis/{EXTERNAL}/v1beta1/namespaces/{namespace}/{name}"
        api = "external metrics API"
        try:
            items = await self._values(f"{path}{_query(labelSelector=metric_selector)}")
        except (ApiError, ClientError) as error:
            words = _words(error, f"{name}.{EXTERNAL}")
            raise Uncomputable(f"unable to fetch metrics from {api}: {words}") from error
        if not items:
            raise Uncomputable(f"no metrics returned from {api}")
        return [item.milli() for item in items]

    async def _custom(self, rest: str) -> list[_Value]:
        api = "custom metrics API"
        try:
            version = await self._custom_version()
            items = await self._values(f"/apis/{CUSTOM}/{version}/{rest}")
        except (ApiError, ClientError) as error:
            raise Uncomputable(f"unable to fetch metrics from {api}: {error}") from error
        if not items:
            raise Uncomputable(f"no metrics returned from {api}")
        return items

    async def _custom_version(self) -> str:
        try:
            told = msgspec.json.decode(await self._client.get_raw(f"/apis/{CUSTOM}"))
        except NotFound as error:
            missing = f"no custom metrics API ({CUSTOM}) registered"
            raise Uncomputable(f"unable to fetch metrics from custom metrics API: {missing}") from error
        served = {one.get("version") for one in told.get("versions", ())}
        return next((version for version in CUSTOM_VERSIONS if version in served), CUSTOM_VERSIONS[-1])

    async def _values(self, path: str) -> list[_Value]:
        answer = await self._client.get_raw(path)
        try:
            return msgspec.json.decode(answer, type=_Values).items
        except msgspec.MsgspecError as error:
            raise Uncomputable(f"cannot read {path}: {error}") from error


def _used(pod: metrics_v1beta1.PodMetrics, resource: str, container: str) -> Metric | None:
    counted = [one for one in pod.containers if not container or one.name == container]
    if not counted or any(resource not in one.usage for one in counted):
        return None
    return Metric(
        sum(quantity.parse(one.usage[resource]).milli_value() for one in counted),
        times.parse(pod.timestamp) if pod.timestamp else 0.0,
        durations.parse(pod.window or "0s") / 1e9,
    )


def _query(**parameters: str) -> str:
    told = {name: value for name, value in parameters.items() if value}
    return f"?{urlencode(told)}" if told else ""


def _words(error: Exception, resource: str) -> str:
    """A refusal as client-go tells it, which says what was asked for where the server could not."""
    return f"{error} (get {resource})" if str(error) == str(NoSuchResource()) else str(error)
