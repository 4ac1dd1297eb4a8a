"""Requirements turned into one function, once, because it is then called for every object and every watcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .requirement import INTEGER, Requirement

Labels = Mapping[str, str]
Matcher = Callable[[Labels | None], bool]

_NO_LABELS: Labels = {}


def always(labels: Labels | None) -> bool:
    return True


def never(labels: Labels | None) -> bool:
    return False


def compile_matcher(requirements: tuple[Requirement, ...]) -> Matcher:
    """Whether labels (None: there are none) meet all requirements; `always` itself where there are none."""
    if not requirements:
        return always
    if all(requirement.operator in ("=", "==") for requirement in requirements):
        return _compile_equalities([(requirement.key, requirement.values[0]) for requirement in requirements])
    parts = [_compile_one(requirement) for requirement in requirements]

    def matches(labels: Labels | None) -> bool:
        own = labels or _NO_LABELS
        return all(part(own) for part in parts)

    return matches


def _compile_equalities(pairs: list[tuple[str, str]]) -> Matcher:
    if len(pairs) == 1:
        only_key, only_value = pairs[0]
        return lambda labels: bool(labels) and labels.get(only_key) == only_value  # type: ignore[union-attr]

    wanted = frozenset(pairs)
    return lambda labels: bool(labels) and wanted <= labels.items()  # type: ignore[union-attr]


def _compile_one(requirement: Requirement) -> Callable[[Labels], bool]:
    key = requirement.key
    match requirement.operator:
        case "exists":
            return lambda labels: key in labels
        case "!":
            return lambda labels: key not in labels
        case "=" | "==" | "in":
            wanted = frozenset(requirement.values)
            return lambda labels: labels.get(key) in wanted
        case "!=" | "notin":
            unwanted = frozenset(requirement.values)
            return lambda labels: labels.get(key) not in unwanted
        case "gt":
            low = int(requirement.values[0])
            return lambda labels: (number := _integer(labels.get(key))) is not None and number > low
        case "lt":
            high = int(requirement.values[0])
            return lambda labels: (number := _integer(labels.get(key))) is not None and number < high


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and INTEGER.fullmatch(text) else None
