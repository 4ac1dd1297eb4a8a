"""`pods/eviction`: a deletion that asks the Pod's disruption budget first.

A Pod that does no service (finished, still pending, on its way out) goes without asking. Any other needs one of the disruptions that its
budget's status allows: it is taken off and the Pod's name written down by compare-and-swap, so that two evictions never spend the same
one. A Pod that is not ready costs none where the policy or the number of healthy Pods lets it go. Then the Pod gets the condition
DisruptionTarget and is deleted as `removal` deletes.

Rules and words of k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go; KEP-3017 (unhealthy Pods), KEP-3329 (the condition).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podling.api import codec, disruption, errors, field, kinds, times
from podling.api import pod as pods
from podling.api.object import Object
from podling.api.types import core_v1, meta_v1, policy_v1
from podling.apiserver import body, removal, render
from podling.apiserver.admission import Operation
from podling.apiserver.call import Call, Serve
from podling.apiserver.change import Scope, change
from podling.apiserver.options import WriteOptions, write_options
from podling.apiserver.request import Response
from podling.store.watchcache import Selection

ATTEMPTS = 20
"""Tries to delete a Pod that others keep changing."""
MAX_DISRUPTED = 2000
"""Granted evictions that the controller has not seen carried out yet; with more of them no further one is granted."""
RETRY_SECONDS = 10
_CAUSE = "DisruptionBudget"
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_SCOPE = Scope("eviction", part="given", is_bare=True, is_patch=True)
_REASON, _MESSAGE = "EvictionByEvictionAPI", "Eviction API: evicting"


async def create(call: Call) -> Response:
    options = write_options(call.request.query, "CreateOptions")
    given = body.read_object(call, options, kind=kinds.EVICTION)
    if given.name != call.info.name:
        raise errors.BadRequest("name in URL does not match name in Eviction object")
    asked = given.body.delete_options or meta_v1.DeleteOptions()
    _check(given, asked)
    if options.dry_run:
        asked.dry_run = ["All"]
    review = call.review(Operation.CREATE, obj=given, kind=kinds.EVICTION, is_dry_run=bool(asked.dry_run))
    await call.services.admission.admit(review)
    await _evict(call, asked)
    return render.struct(call, meta_v1.Status(status="Success", code=201), status=201)


def _check(given: Object, asked: meta_v1.DeleteOptions) -> None:
    faults = []
    if asked.ignore_store_read_error_with_cluster_breaking_potential:
        path = field.Path("deleteOptions") / "ignoreStoreReadErrorWithClusterBreakingPotential"
        faults.append(
            field.invalid(path, True, "can not be set for pod eviction, try after removing the option")
        )
    unknown = [value for value in asked.dry_run or () if value != "All"]
    faults += [field.not_supported(field.Path("dryRun"), value, ("All",)) for value in unknown]
    if faults:
        raise errors.Invalid(kinds.EVICTION, given.name, faults)


async def _evict(call: Call, asked: meta_v1.DeleteOptions) -> None:
    pod = await _end_if_idle(call, asked)
    if pod is None:
        return
    budget = _budget(call, pod)
    costs_nothing = budget is not None and _costs_nothing(budget, pod)
    if budget is not None and not costs_nothing:
        await _spend(call, budget, pod.metadata.name or "", dry_run=bool(asked.dry_run))
    options = _only_as_read(asked, pod) if costs_nothing else asked
    try:
        await _end(call, options)
    except errors.Conflict as conflict:
        if budget is not None and costs_nothing and not _names_revision(asked):
            raise _in_progress(budget) from conflict  # it may have become ready meanwhile
        raise


async def _end_if_idle(call: Call, asked: meta_v1.DeleteOptions) -> core_v1.Pod | None:
    """End a Pod that no budget protects; the Pod as it is if one might."""
    attempts = 1 if _names_revision(asked) else ATTEMPTS
    for attempt in range(attempts):
        pod: core_v1.Pod = codec.decode(kinds.POD, call.stored(call.info.name).value).body
        going = pods.is_terminal(pod) or pod.metadata.deletion_timestamp is not None
        pending = pod.status is not None and pod.status.phase == "Pending"
        if not going and not pending:
            return pod
        try:
            await _end(call, asked if going else _only_as_read(asked, pod))
        except errors.Conflict:
            if attempt == attempts - 1:
                raise
        else:
            break
    return None


async def _end(call: Call, asked: meta_v1.DeleteOptions) -> None:
    """Say in the Pod who ends it, and delete it; Conflict if it is not the one that the preconditions name."""
    if not asked.dry_run:
        wanted = asked.preconditions

        def marked(old: Object, _: bytes) -> Object:
            removal.check_preconditions(call, old, wanted)
            new = codec.clone(old)
            new.metadata.resource_version = None
            new.body.status = new.body.status or core_v1.PodStatus()
            condition = core_v1.PodCondition(
                type=disruption.DISRUPTION_TARGET,
                status="True",
                reason=_REASON,
                message=_MESSAGE,
                last_transition_time=call.services.now(),
            )
            pods.set_condition(new.body.status, condition)
            return new

        outcome = await change(call, marked, options=WriteOptions(), scope=_SCOPE)
        if _names_revision(asked):
            written = codec.decode(call.resource.storage, outcome.value)
            asked = _with_revision(asked, written.metadata.resource_version)
    await removal.delete(call, call.info.name, asked)


def _budget(call: Call, pod: core_v1.Pod) -> policy_v1.PodDisruptionBudget | None:
    """The budget that the Pod is under; raises when there are several, as no one of them decides then."""
    world = call.services.world
    everyone: Iterable[policy_v1.PodDisruptionBudget] = world.bodies(
        kinds.POD_DISRUPTION_BUDGET, Selection(call.namespace)
    )
    found = [budget for budget in everyone if disruption.covers(budget, pod.metadata.labels)]
    if len(found) > 1:
        raise errors.ApiError(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    return found[0] if found else None


def _costs_nothing(budget: policy_v1.PodDisruptionBudget, pod: core_v1.Pod) -> bool:
    """Whether the Pod may go without a disruption being spent: it is not ready, so it is not among the healthy."""
    if pods.is_ready(pod):
        return False
    if budget.spec is not None and budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status or disruption.new_status()
    desired = status.desired_healthy or 0
    return 0 < desired <= (status.current_healthy or 0)


async def _spend(call: Call, budget: policy_v1.PodDisruptionBudget, pod_name: str, *, dry_run: bool) -> None:
    """Take one disruption off the budget; raises TooManyRequests when it has none."""
    resource = call.services.resources.of(kinds.POD_DISRUPTION_BUDGET)
    budgets = Call(call.services, call.request, resource, call.user)

    def spent(old: Object, _: bytes) -> Object:
        new = codec.clone(old)
        new.metadata.resource_version = None
        spend(new.body, pod_name, now=call.services.clock.now())
        return new

    options = WriteOptions(dry_run=dry_run)
    await change(budgets, spent, options=options, scope=_SCOPE, name=budget.metadata.name or "")


def spend(budget: policy_v1.PodDisruptionBudget, pod_name: str, *, now: float) -> None:
    """Take one disruption off, in place (pure). Raises TooManyRequests, or Forbidden for a status that makes no sense."""
    name, status = budget.metadata.name or "", budget.status or disruption.new_status()
    if (status.observed_generation or 0) < (budget.metadata.generation or 0):
        raise _in_progress(budget)
    allowed, disrupted = status.disruptions_allowed or 0, status.disrupted_pods or {}
    if allowed < 0:
        raise errors.Forbidden("poddisruptionbudget.policy", name, "pdb disruptions allowed is negative")
    if len(disrupted) > MAX_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise errors.Forbidden("poddisruptionbudget.policy", name, why)
    if not allowed:
        raise _refused(_why_none(name, status), retry_after_seconds=0)
    status.disruptions_allowed = allowed - 1
    if not status.disruptions_allowed:
        disruption.show_allowed(status, now=now)
    status.disrupted_pods = {**disrupted, pod_name: times.rfc3339(now)}
    budget.status = status


def _why_none(name: str, status: policy_v1.PodDisruptionBudgetStatus) -> str:
    told = disruption.allowed_condition(status)
    told = told if told is not None and told.status == "False" and told.message else None
    refuses = f"The disruption budget {name} does not allow evicting pods currently"
    if told is not None and told.reason == disruption.SYNC_FAILED:
        return f"{refuses} because it failed sync: {told.message}"
    desired, current = status.desired_healthy or 0, status.current_healthy or 0
    if current <= desired:
        return f"The disruption budget {name} needs {desired} healthy pods and has {current} currently"
    return f"{refuses} ({told.reason}): {told.message}" if told is not None else refuses


def _in_progress(budget: policy_v1.PodDisruptionBudget) -> errors.ApiError:
    why = f"The disruption budget {budget.metadata.name} is still being processed by the server."
    return _refused(why, retry_after_seconds=RETRY_SECONDS)


def _refused(why: str, *, retry_after_seconds: int) -> errors.ApiError:
    error = errors.TooManyRequests(_REFUSED, retry_after_seconds=retry_after_seconds)
    assert error.details is not None
    error.details.causes = [meta_v1.StatusCause(reason=_CAUSE, message=why)]
    return error


def _names_revision(asked: meta_v1.DeleteOptions) -> bool:
    return asked.preconditions is not None and asked.preconditions.resource_version is not None


def _only_as_read(asked: meta_v1.DeleteOptions, pod: core_v1.Pod) -> meta_v1.DeleteOptions:
    """The same wish, for the Pod in this very state; a revision that the client named stands."""
    return asked if _names_revision(asked) else _with_revision(asked, pod.metadata.resource_version)


def _with_revision(asked: meta_v1.DeleteOptions, revision: str | None) -> meta_v1.DeleteOptions:
    before = asked.preconditions or meta_v1.Preconditions()
    preconditions = msgspec.structs.replace(before, resource_version=revision)
    return msgspec.structs.replace(asked, preconditions=preconditions)


VERBS: dict[str, Serve] = {"create": create}
