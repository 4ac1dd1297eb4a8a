"""Looks at each HorizontalPodAutoscaler four times a minute and at once when it changes, and resizes its target.

Between looks only its own history is remembered: recommendations and changes of late. A look that fails is told in
conditions and Events, in upstream's words, and taken again: first soon, because an autoscaler is often there before its
Pods are, then in its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from podling.api import codec, kinds, quantity, selectors
from podling.api.errors import ApiError, Conflict, NotFound
from podling.api.selectors import LabelSelector
from podling.api.types import autoscaling_v2, core_v1
from podling.client.errors import ClientError
from podling.client.events import EventRecorder
from podling.controllers.reconcile import DONE, Again, Context, Controller, Key, Outcome, Watch, own_key
from podling.controllers.settings import ControllerSettings

from . import pace
from .arithmetic import Tolerances
from .draft import ABLE, ACTIVE, LIMITED, Autoscaler, Draft
from .grouping import Patience
from .measuring import Measuring
from .pace import Bounds, History, Moment
from .proposals import NoProposal, Proposal, Proposals, Question
from .scaling import Scaling, Target, UnknownTarget

NAME = "horizontal-pod-autoscaler-controller"
WORKERS = 5
_MANY = 10
"""Failures beyond which it makes no difference how many there were."""


class Stopped(Exception):
    """This look ends here; conditions and Events say why."""


@dataclass(slots=True)
class Known:
    """What is remembered of an autoscaler between looks: when, at which generation and how often in vain it was looked at."""

    uid: str
    history: History = field(default_factory=History)
    looked: float = float("-inf")
    generation: int = 0
    failures: int = 0
    selector: LabelSelector | None = None


class Autoscalers:
    def __init__(self, context: Context, events: EventRecorder) -> None:
        client = context.clients(NAME)
        self.watches = (
            Watch(kind=kinds.HORIZONTAL_POD_AUTOSCALER, keys=own_key),
            Watch(kind=kinds.POD, keys=_nobody),
        )
        self._autoscalers, self._pods = (watch.informer(context.informers) for watch in self.watches)
        self._writes = client.resource(Autoscaler)
        self._scaling = Scaling(client)
        self._proposals = Proposals(Measuring(client), self._scaling)
        self._events = events
        self._clock = context.clock
        self._settings = context.settings
        self._known: dict[Key, Known] = {}

    async def reconcile(self, key: Key) -> Outcome:
        hpa = self._autoscalers.get(key.namespace, key.name)
        if hpa is None:
            self._known.pop(key, None)
            return DONE
        known = self._known.get(key)
        if known is None or known.uid != hpa.metadata.uid:
            known = self._known[key] = Known(hpa.metadata.uid or "")
        now = asyncio.get_running_loop().time()
        rest = known.looked + self._pause(known) - now
        if rest > 0 and known.generation == (hpa.metadata.generation or 0):
            return Again(rest)  # woken by its own status
        known.looked, known.generation = now, hpa.metadata.generation or 0
        await self._look(key, hpa, known)
        return Again(self._pause(known))

    def _pause(self, known: Known) -> float:
        """Seconds between the last look and the next."""
        period = self._settings.autoscaler_period
        return min(period, 2.0 ** (known.failures - 1)) if known.failures else period

    async def _look(self, key: Key, hpa: Autoscaler, known: Known) -> None:
        draft = Draft(hpa, self._clock.now())
        try:
            await self._resize(key, draft, known)
            known.failures = 0
        except Stopped:
            known.failures = min(known.failures + 1, _MANY)
        for event in draft.events:
            self._events.event(hpa, "Warning" if event.type == "Warning" else "Normal", *event[1:])
        if draft.is_news:
            changed = codec.struct_clone(hpa)
            changed.status = draft.status
            with contextlib.suppress(NotFound, Conflict):  # the next look sees what it has become
                await self._writes.update(changed, subresource="status")

    async def _resize(self, key: Key, draft: Draft, known: Known) -> None:
        """One look; raises Stopped."""
        spec = draft.hpa.spec
        target = await self._target(key, draft)
        current = target.wanted
        if not known.history.recommended:
            known.history.recommended.append(Moment(draft.now, current))
        if current == 0 and draft.least != 0:
            words = "scaling is disabled since the replica count of the target is zero"
            draft.set(ACTIVE, holds=False, reason="ScalingDisabled", message=words)
            desired, reason = current, ""
        elif current > spec.max_replicas:
            desired, reason = spec.max_replicas, "Current number of replicas above Spec.MaxReplicas"
        elif current < draft.least:
            desired, reason = draft.least, "Current number of replicas below Spec.MinReplicas"
        else:
            proposals = await self._ask(key, draft, target, known)
            best = max(proposals, key=lambda one: one.replicas)
            reason = f"{best.metric} above target" if best.replicas > current else "All metrics below target"
            desired = self._paced(draft, known, current, best.replicas)
        if desired != current:
            await self._set(key, draft, target, desired, reason)
            keep = pace.longest_period(spec.behavior)
            known.history.note(current, desired, now=draft.now, keep=keep)
        draft.sized(current, desired, rescaled=desired != current)

    async def _target(self, key: Key, draft: Draft) -> Target:
        try:
            target = await self._scaling.get(key.namespace, draft.hpa.spec.scale_target_ref)
        except (UnknownTarget, ApiError, ClientError) as error:
            draft.warn("FailedGetScale", str(error))
            words = f"the HPA controller was unable to get the target's current scale: {error}"
            draft.set(ABLE, holds=False, reason="FailedGetScale", message=words)
            raise Stopped from error
        words = "the HPA controller was able to get the target's current scale"
        draft.set(ABLE, holds=True, reason="SucceededGetScale", message=words)
        return target

    async def _set(self, key: Key, draft: Draft, target: Target, desired: int, reason: str) -> None:
        try:
            await self._scaling.set(key.namespace, target, desired)
        except (ApiError, ClientError) as error:
            draft.warn("FailedRescale", f"New size: {desired}; reason: {reason}; error: {error}")
            words = f"the HPA controller was unable to update the target scale: {error}"
            draft.set(ABLE, holds=False, reason="FailedUpdateScale", message=words)
            self._stay(draft, target)
            raise Stopped from error
        words = f"the HPA controller was able to update the target scale to {desired}"
        draft.set(ABLE, holds=True, reason="SucceededRescale", message=words)
        draft.tell("SuccessfulRescale", f"New size: {desired}; reason: {reason}")

    async def _ask(self, key: Key, draft: Draft, target: Target, known: Known) -> list[Proposal]:
        """What all metrics propose that can be had; raises Stopped if none can, or too few for going down."""
        spec = draft.hpa.spec
        found: list[Proposal] = []
        failed: list[NoProposal] = []
        question = self._question(key, draft, target, known)
        for metric in spec.metrics or ():
            try:
                found.append(await self._proposals.of(metric, question))
                draft.metrics.append(found[-1].status)
            except NoProposal as error:
                draft.metrics.append(autoscaling_v2.MetricStatus())
                draft.warn(error.reason, error.told)
                failed.append(error)
        best = max((one.replicas for one in found), default=0)
        if failed and (not found or best < target.wanted):
            words = f"the HPA was unable to compute the replica count: {failed[0].told}"
            draft.set(ACTIVE, holds=False, reason=failed[0].reason, message=words)
            total = len(found) + len(failed)
            whole = f"invalid metrics ({len(failed)} invalid out of {total}), first error is: {failed[0]}"
            draft.warn("FailedComputeMetricsReplicas", whole)
            self._stay(draft, target)
            raise Stopped
        by = max(found, key=lambda one: one.replicas).metric
        words = f"the HPA was able to successfully calculate a replica count from {by}"
        draft.set(ACTIVE, holds=True, reason="ValidMetricFound", message=words)
        return found

    def _question(self, key: Key, draft: Draft, target: Target, known: Known) -> Question:
        selector = self._selector(key, draft, target, known)
        pods = self._pods.list(key.namespace)
        settings = self._settings
        return Question(
            namespace=key.namespace,
            target=target,
            selector=selector,
            pods=[pod for pod in pods if selector.matches(pod.metadata.labels)],
            tolerances=_tolerances(draft.hpa.spec.behavior, settings),
            patience=Patience(
                initialization=settings.autoscaler_cpu_initialization_period,
                readiness=settings.autoscaler_initial_readiness_delay,
            ),
            now=draft.now,
        )

    def _selector(self, key: Key, draft: Draft, target: Target, known: Known) -> LabelSelector:
        """The target's, which must be its alone; raises Stopped."""
        if not target.selector:
            missing = "the HPA target's scale is missing a selector"
            self._refuse(draft, target, "SelectorRequired", "selector is required", condition=missing)
        try:
            selector = selectors.parse_labels(target.selector)
        except selectors.SelectorError as error:
            words = f"couldn't convert selector into a corresponding internal selector object: {error}"
            self._refuse(draft, target, "InvalidSelector", words)
        known.selector = selector
        sharing = self._sharing(key, selector)
        if len(sharing) > 1:
            names = " ".join(map(str, sharing))
            words = f"pods by selector {target.selector} are controlled by multiple HPAs: [{names}]"
            self._refuse(draft, target, "AmbiguousSelector", words)
        return selector

    def _refuse(
        self, draft: Draft, target: Target, reason: str, words: str, *, condition: str = ""
    ) -> NoReturn:
        shown = "InvalidSelector" if reason == "SelectorRequired" else reason
        draft.warn(reason, words)
        draft.set(ACTIVE, holds=False, reason=shown, message=condition or words)
        draft.warn("FailedComputeMetricsReplicas", words)
        self._stay(draft, target)
        raise Stopped

    def _sharing(self, key: Key, selector: LabelSelector) -> list[Key]:
        """Autoscalers that select some Pod that this selector does."""
        pods = [pod for pod in self._pods.list(key.namespace) if selector.matches(pod.metadata.labels)]
        return sorted(
            other
            for other, known in self._known.items()
            if other.namespace == key.namespace
            and known.selector is not None
            and _selects(known.selector, pods)
        )

    def _paced(self, draft: Draft, known: Known, current: int, desired: int) -> int:
        spec = draft.hpa.spec
        step = pace.paced(
            known.history,
            spec.behavior,
            current=current,
            desired=desired,
            bounds=Bounds(draft.least, spec.max_replicas),
            window=self._settings.autoscaler_downscale_stabilization,
            now=draft.now,
        )
        for type, said in ((ABLE, step.able), (LIMITED, step.limited)):
            draft.set(type, holds=said.status, reason=said.reason, message=said.message)
        return step.replicas

    def _stay(self, draft: Draft, target: Target) -> None:
        """Nothing is changed, what is known is shown."""
        draft.sized(target.wanted, draft.status.desired_replicas, rescaled=False)


def _nobody(_: Any) -> tuple[()]:
    """Pods are looked up; they bring up nothing."""
    return ()


def _selects(selector: LabelSelector, pods: Iterable[core_v1.Pod]) -> bool:
    return any(selector.matches(pod.metadata.labels) for pod in pods)


def _tolerances(
    behavior: autoscaling_v2.HorizontalPodAutoscalerBehavior | None, settings: ControllerSettings
) -> Tolerances:
    down, up = (behavior.scale_down, behavior.scale_up) if behavior is not None else (None, None)
    usual = settings.autoscaler_tolerance

    def of(rules: autoscaling_v2.HPAScalingRules | None) -> float:
        given = rules.tolerance if rules is not None else None
        return usual if given is None else quantity.parse(given).as_float()

    return Tolerances(of(down), of(up))


def controller(context: Context) -> Controller:
    events = EventRecorder(context.clients(NAME), component="horizontal-pod-autoscaler", clock=context.clock)
    autoscalers = Autoscalers(context, events)
    return Controller(
        name=NAME,
        watches=autoscalers.watches,
        reconcile=autoscalers.reconcile,
        services=(events,),
        workers=WORKERS,
    )
