"""The rules of probes and of lifecycle hooks."""

from __future__ import annotations

from collections.abc import Iterator

from podling.api import field, names
from podling.api.field import FieldError, Path
from podling.api.types import core_v1

from .metadata import each

_GRPC_MODES = ("Plaintext", "TLS")
_SCHEMES = ("HTTP", "HTTPS")
_COUNTS = {
    "initial_delay_seconds": "initialDelaySeconds",
    "timeout_seconds": "timeoutSeconds",
    "period_seconds": "periodSeconds",
    "success_threshold": "successThreshold",
    "failure_threshold": "failureThreshold",
}


def liveness(probe: core_v1.Probe | None, path: Path) -> Iterator[FieldError]:
    """A liveness or startup probe: one success is enough, more would mean nothing."""
    if probe is None:
        return
    yield from _probe(probe, path)
    if probe.success_threshold != 1:
        yield field.invalid(path / "successThreshold", probe.success_threshold, "must be 1")


def readiness(probe: core_v1.Probe | None, path: Path) -> Iterator[FieldError]:
    if probe is None:
        return
    yield from _probe(probe, path)
    if probe.termination_grace_period_seconds is not None:
        why = "must not be set for readinessProbes"
        yield field.invalid(
            path / "terminationGracePeriodSeconds", probe.termination_grace_period_seconds, why
        )


def lifecycle(hooks: core_v1.Lifecycle, path: Path, *, grace: int | None) -> Iterator[FieldError]:
    for hook, name in ((hooks.post_start, "postStart"), (hooks.pre_stop, "preStop")):
        if hook is None:
            continue
        yield from _handlers(hook.exec, hook.http_get, hook.tcp_socket, None, hook.sleep, path=path / name)
        if hook.sleep is not None and grace is not None and not 0 <= hook.sleep.seconds <= grace:
            why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            yield field.invalid(path / name / "sleep", hook.sleep.seconds, why)


def _probe(probe: core_v1.Probe, path: Path) -> Iterator[FieldError]:
    yield from _handlers(probe.exec, probe.http_get, probe.tcp_socket, probe.grpc, None, path=path)
    for attribute, name in _COUNTS.items():
        count = getattr(probe, attribute)
        if count is not None and count < 0:
            yield field.invalid(path / name, count, "must be greater than or equal to 0")
    grace = probe.termination_grace_period_seconds
    if grace is not None and grace <= 0:
        yield field.invalid(path / "terminationGracePeriodSeconds", grace, "must be greater than 0")


def _handlers(
    command: core_v1.ExecAction | None,
    http: core_v1.HTTPGetAction | None,
    tcp: core_v1.TCPSocketAction | None,
    grpc: core_v1.GRPCAction | None,
    sleep: core_v1.SleepAction | None,
    *,
    path: Path,
) -> Iterator[FieldError]:
    """Exactly one way of asking, and that one well formed."""
    checks = (
        ("exec", _exec(command, path / "exec") if command is not None else None),
        ("httpGet", _http(http, path / "httpGet") if http is not None else None),
        ("tcpSocket", _port(tcp.port, path / "tcpSocket" / "port") if tcp is not None else None),
        ("grpc", _grpc(grpc, path / "grpc") if grpc is not None else None),
        ("sleep", iter(()) if sleep is not None else None),
    )
    given = [(name, faults) for name, faults in checks if faults is not None]
    if not given:
        yield field.required(path, "must specify a handler type")
        return
    yield from given[0][1]
    for name, _ in given[1:]:
        yield field.forbidden(path / name, "may not specify more than 1 handler type")


def _grpc(action: core_v1.GRPCAction, path: Path) -> Iterator[FieldError]:
    yield from _port(action.port, path / "port")
    if action.mode not in (None, *_GRPC_MODES):
        yield field.not_supported(path / "mode", action.mode, _GRPC_MODES)


def _exec(action: core_v1.ExecAction, path: Path) -> Iterator[FieldError]:
    if not action.command:
        yield field.required(path / "command")


def _http(action: core_v1.HTTPGetAction, path: Path) -> Iterator[FieldError]:
    if not action.path:
        yield field.required(path / "path")
    yield from _port(action.port, path / "port")
    if action.scheme not in _SCHEMES:
        yield field.not_supported(path / "scheme", action.scheme, _SCHEMES)
    for header in action.http_headers or ():
        yield from each(names.http_header_name, header.name, path / "httpHeaders")


def _port(port: int | str, path: Path) -> Iterator[FieldError]:
    wrong = names.port_number(port) if isinstance(port, int) else names.port_name(port)
    for why in wrong:
        yield field.invalid(path, port, why)
