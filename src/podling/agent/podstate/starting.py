"""The steps to one running container: wait out a back-off, have the image, start; one container at a time in order."""

from __future__ import annotations

from podling.api.types import core_v1
from podling.runtime.interface import Container, ContainerState, Sandbox

from . import restarts
from .actions import Note, PrepareImage, RemoveContainer, ResizePod, StartContainer
from .draft import Draft, Waiting
from .view import Failure, View

PULL_FAILURES = ("ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed")


def start(draft: Draft, container: core_v1.Container, sandbox: Sandbox) -> None:
    """Order the next step towards a running ``container``, or note what it waits for."""
    view, name = draft.view, container.name
    if f"start/{name}" in view.busy:
        return
    previous = view.newest(name)
    if _is_held(draft, container, previous, sandbox):
        return
    if previous is not None and previous.state is ContainerState.UNKNOWN:
        draft.act(RemoveContainer(previous.id))
    image = view.images.get(name)
    created = _never_started(previous, sandbox)
    if image is None and created is None:
        draft.act(PrepareImage(name))
    elif not draft.is_under_way("start/") and not draft.is_under_way(ResizePod.KEY):
        draft.act(
            StartContainer(
                name=name,
                sandbox_id=sandbox.id,
                attempt=created.attempt if created else next_attempt(view, name),
                image_id=image or "",
                crashes=_crashes(view, container, previous, sandbox),
                existing=created.id if created else "",
            )
        )


def _crashes(view: View, container: core_v1.Container, previous: Container | None, sandbox: Sandbox) -> int:
    if previous is not None and _is_forgiven(view, container, previous):
        return 0
    return restarts.next_crashes(previous, sandbox.id)


def _is_forgiven(view: View, container: core_v1.Container, previous: Container) -> bool:
    """Whether what crashed was something else than what is to start now, so that it does not count."""
    return previous.id in view.resizing.forgiven or restarts.is_changed(previous, container)


def next_attempt(view: View, name: str) -> int:
    """The restart count of the next attempt; a runtime that lost its memory does not set it back."""
    newest = view.newest(name)
    if newest is not None:
        return newest.attempt + 1
    old = view.known_status(name)
    if old is None:
        return 0
    return old.restart_count + 1 if old.container_id else old.restart_count


def trim(draft: Draft, container: core_v1.Container) -> None:
    """Keep the latest attempt and the one before (its log is `logs --previous`), as upstream does; drop older ones."""
    for old in draft.view.attempts(container.name)[2:]:
        if restarts.is_dead(old):
            draft.act(RemoveContainer(old.id))


def _never_started(previous: Container | None, sandbox: Sandbox) -> Container | None:
    if previous is None or previous.state is not ContainerState.CREATED or previous.sandbox_id != sandbox.id:
        return None
    return previous


def _is_held(
    draft: Draft, container: core_v1.Container, previous: Container | None, sandbox: Sandbox
) -> bool:
    """Whether ``container`` must not be tried now; its waiting reason is set then."""
    now, failure = draft.view.now, draft.view.failures.get(container.name)
    if failure is not None and not _is_stale(draft, container, failure):
        _show_failure(draft, container, failure)
        if failure.retry_at > now:
            draft.wait_until(failure.retry_at)
            return True
    if previous is None or not restarts.is_dead(previous):
        return False
    ended = restarts.ended_at(previous)
    if _is_forgiven(draft.view, container, previous):
        return False
    retry_at = ended + restarts.hold_seconds(previous, sandbox.id)
    if retry_at <= now:
        return False
    draft.wait_until(retry_at)
    shown_until = ended + restarts.SHOW_SECONDS
    if shown_until > now:
        draft.wait_until(shown_until)
    else:
        _show_crash_loop(draft, container, previous)
    return True


def _is_stale(draft: Draft, container: core_v1.Container, failure: Failure) -> bool:
    """Whether an image failed that the container no longer wants."""
    volumes = (draft.view.pod.spec.volumes if draft.view.pod.spec else None) or []
    wanted = {container.image, *(one.image.reference for one in volumes if one.image is not None)}
    return bool(failure.image) and failure.image not in wanted


def _show_failure(draft: Draft, container: core_v1.Container, failure: Failure) -> None:
    """The failure itself, then, for a pull, the wait for the next try."""
    shown_until = failure.at + restarts.SHOW_SECONDS
    if failure.reason not in PULL_FAILURES or draft.view.now < shown_until:
        draft.waiting[container.name] = Waiting(failure.reason, failure.message)
        if failure.reason in PULL_FAILURES:
            draft.wait_until(shown_until)
        return
    message = f'Back-off pulling image "{failure.image or container.image}"'
    draft.waiting[container.name] = Waiting(
        "ImagePullBackOff", f"{message}: {failure.reason}: {failure.message}"
    )
    key = f"{container.name}/pull/{failure.at}"
    draft.notes.append(Note(key, "Normal", "BackOff", message, container.name))
    draft.notes.append(Note(f"{key}/error", "Warning", "Failed", "Error: ImagePullBackOff", container.name))


def _show_crash_loop(draft: Draft, container: core_v1.Container, previous: Container) -> None:
    pod = draft.view.pod.metadata
    full_name = f"{pod.name}_{pod.namespace}({pod.uid})"
    text = f"restarting failed container={container.name} pod={full_name}"
    delay = duration(restarts.hold_seconds(previous, previous.sandbox_id))
    draft.waiting[container.name] = Waiting("CrashLoopBackOff", f"back-off {delay} {text}")
    draft.notes.append(
        Note(
            f"{container.name}/crash/{previous.id}",
            "Warning",
            "BackOff",
            f"Back-off restarting failed container {container.name} in pod {full_name}",
            container.name,
        )
    )


def duration(seconds: float) -> str:
    """Whole seconds as Go prints a duration: ``10s``, ``1m20s``, ``5m0s``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
