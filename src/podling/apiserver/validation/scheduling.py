"""The rules of where a Pod may go: tolerations, affinity, spread constraints, scheduling gates."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1, meta_v1

from .metadata import each

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSION = ("Honor", "Ignore")


def tolerations(given: list[core_v1.Toleration], path: Path) -> Iterator[FieldError]:
    for index, toleration in enumerate(given):
        yield from _toleration(toleration, path / index)


def _toleration(toleration: core_v1.Toleration, path: Path) -> Iterator[FieldError]:
    operator, value = toleration.operator or "", toleration.value or ""
    if toleration.key:
        yield from each(names.label_key, toleration.key, path / "key")
    elif operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield field.invalid(path / "operator", operator, why)
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield field.invalid(path / "effect", toleration.effect or "", why)
    if operator in ("Equal", ""):
        wrong = names.label_value(value)
        if wrong:
            yield field.invalid(path / "operator", value, ";".join(wrong))
    elif operator == "Exists":
        if value:
            yield field.invalid(path / "operator", value, "value must be empty when `operator` is 'Exists'")
    else:
        yield field.not_supported(path / "operator", operator, ("Equal", "Exists"))
    if toleration.effect and toleration.effect not in _EFFECTS:
        yield field.not_supported(path / "effect", toleration.effect, _EFFECTS)


def gates(given: list[core_v1.PodSchedulingGate], path: Path) -> Iterator[FieldError]:
    seen = set()
    for index, gate in enumerate(given):
        yield from each(names.label_key, gate.name, path / index)
        if gate.name in seen:
            yield field.duplicate(path / index, gate.name)
        seen.add(gate.name)


def spread(given: list[core_v1.TopologySpreadConstraint], path: Path) -> Iterator[FieldError]:
    seen = set()
    for index, constraint in enumerate(given):
        here = path / index
        if constraint.max_skew <= 0:
            yield field.invalid(here / "maxSkew", constraint.max_skew, "must be greater than zero")
        if not constraint.topology_key:
            yield field.required(here / "topologyKey", "can not be empty")
        else:
            yield from each(names.label_key, constraint.topology_key, here / "topologyKey")
        if constraint.when_unsatisfiable not in _UNSATISFIABLE:
            yield field.not_supported(
                here / "whenUnsatisfiable", constraint.when_unsatisfiable, _UNSATISFIABLE
            )
        pair = (constraint.topology_key, constraint.when_unsatisfiable)
        if pair in seen:
            yield field.duplicate(here / "{topologyKey, whenUnsatisfiable}", f"{{{pair[0]}, {pair[1]}}}")
        seen.add(pair)
        yield from _domains(constraint, here)
        if constraint.label_selector is not None:
            yield from label_selector(constraint.label_selector, here / "labelSelector")


def _domains(constraint: core_v1.TopologySpreadConstraint, path: Path) -> Iterator[FieldError]:
    least = constraint.min_domains
    if least is not None:
        if least <= 0:
            yield field.invalid(path / "minDomains", least, "must be greater than zero")
        if constraint.when_unsatisfiable != "DoNotSchedule":
            why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {constraint.when_unsatisfiable}"
            yield field.invalid(path / "minDomains", least, why)
    for value, name in (
        (constraint.node_affinity_policy, "nodeAffinityPolicy"),
        (constraint.node_taints_policy, "nodeTaintsPolicy"),
    ):
        if value is not None and value not in _INCLUSION:
            yield field.not_supported(path / name, value, _INCLUSION)


def label_selector(selector: meta_v1.LabelSelector, path: Path) -> Iterator[FieldError]:
    """The rules of a LabelSelector wherever it stands."""
    for key, value in (selector.match_labels or {}).items():
        yield from each(names.label_key, key, path / "matchLabels")
        yield from each(names.label_value, value, path / "matchLabels")
    for index, expression in enumerate(selector.match_expressions or ()):
        here = path / "matchExpressions" / index
        if expression.operator in ("In", "NotIn"):
            if not expression.values:
                why = "must be specified when `operator` is 'In' or 'NotIn'"
                yield field.required(here / "values", why)
        elif expression.operator in ("Exists", "DoesNotExist"):
            if expression.values:
                why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield field.forbidden(here / "values", why)
        else:
            yield field.invalid(here / "operator", expression.operator, "not a valid selector operator")
        yield from each(names.label_key, expression.key, here / "key")
        for at, value in enumerate(expression.values or ()):
            yield from each(names.label_value, value, here / "values" / at)


def affinity(given: core_v1.Affinity, path: Path) -> Iterator[FieldError]:
    if given.node_affinity is not None:
        yield from _node_affinity(given.node_affinity, path / "nodeAffinity")
    for pods, name in ((given.pod_affinity, "podAffinity"), (given.pod_anti_affinity, "podAntiAffinity")):
        if pods is None:
            continue
        required = path / name / "requiredDuringSchedulingIgnoredDuringExecution"
        for index, term in enumerate(pods.required_during_scheduling_ignored_during_execution or ()):
            yield from _pod_term(term, required / index)
        preferred = path / name / "preferredDuringSchedulingIgnoredDuringExecution"
        for index, weighted in enumerate(pods.preferred_during_scheduling_ignored_during_execution or ()):
            yield from _weight(weighted.weight, preferred / index)
            yield from _pod_term(weighted.pod_affinity_term, preferred / index / "podAffinityTerm")


def _node_affinity(given: core_v1.NodeAffinity, path: Path) -> Iterator[FieldError]:
    selector = given.required_during_scheduling_ignored_during_execution
    if selector is not None:
        yield from node_selector(selector, path / "requiredDuringSchedulingIgnoredDuringExecution")
    preferred = path / "preferredDuringSchedulingIgnoredDuringExecution"
    for index, weighted in enumerate(given.preferred_during_scheduling_ignored_during_execution or ()):
        yield from _weight(weighted.weight, preferred / index)
        yield from _node_term(weighted.preference, preferred / index / "preference", check_values=False)


def node_selector(selector: core_v1.NodeSelector, path: Path) -> Iterator[FieldError]:
    terms = path / "nodeSelectorTerms"
    if not selector.node_selector_terms:
        yield field.required(terms, "must have at least one node selector term")
    for index, term in enumerate(selector.node_selector_terms):
        yield from _node_term(term, terms / index, check_values=True)


def _weight(weight: int, path: Path) -> Iterator[FieldError]:
    if not 1 <= weight <= 100:
        yield field.invalid(path / "weight", weight, "must be in the range 1-100")


def _node_term(term: core_v1.NodeSelectorTerm, path: Path, *, check_values: bool) -> Iterator[FieldError]:
    for index, requirement in enumerate(term.match_expressions or ()):
        here = path / "matchExpressions" / index
        yield from _node_requirement(requirement, here)
        if check_values:
            for at, value in enumerate(requirement.values or ()):
                yield from each(names.label_value, value, here / "values" / at)
    for index, requirement in enumerate(term.match_fields or ()):
        here = path / "matchFields" / index
        if requirement.operator not in ("In", "NotIn"):
            yield field.invalid(here / "operator", requirement.operator, "not a valid selector operator")
        elif len(requirement.values or ()) != 1:
            why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            yield field.required(here / "values", why)
        if requirement.key != "metadata.name":
            yield field.invalid(here / "key", requirement.key, "not a valid field selector key")


def _node_requirement(requirement: core_v1.NodeSelectorRequirement, path: Path) -> Iterator[FieldError]:
    count = len(requirement.values or ())
    if requirement.operator in ("In", "NotIn"):
        if not count:
            yield field.required(path / "values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif requirement.operator in ("Exists", "DoesNotExist"):
        if count:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield field.forbidden(path / "values", why)
    elif requirement.operator in ("Gt", "Lt"):
        if count != 1:
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            yield field.required(path / "values", why)
    else:
        yield field.invalid(path / "operator", requirement.operator, "not a valid selector operator")
    yield from each(names.label_key, requirement.key, path / "key")


def _pod_term(term: core_v1.PodAffinityTerm, path: Path) -> Iterator[FieldError]:
    for selector, name in (
        (term.label_selector, "labelSelector"),
        (term.namespace_selector, "namespaceSelector"),
    ):
        if selector is not None:
            yield from label_selector(selector, path / name)
    for namespace in term.namespaces or ():
        yield from each(names.dns1123_label, namespace, path / "namespace")
    if not term.topology_key:
        yield field.required(path / "topologyKey", "can not be empty")
    yield from each(names.label_key, term.topology_key, path / "topologyKey")
