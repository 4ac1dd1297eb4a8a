"""``podling demo``: the tutorial's Pods as real containers, told step by step with timings.

It uses the API as any client would; only the page is fetched straight from the Pod's address.  Running it again is
fine: what it made before is replaced.  Your own kubeconfig is not touched.
"""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path
from typing import Any

import typer

from podling.cluster.claim import holder
from podling.cluster.errors import ClusterError
from podling.cluster.layout import Layout

from . import options, screen, up
from .screen import Stopwatch

NAMESPACE = "default"
HELLO, PAGE = "myapp-pod", "page"
_KILLED = 137
_PATIENCE = 120


class DemoFailed(ClusterError):
    """A step did not show what it promises."""


def command(name: options.Name = options.NAME, data_dir: options.DataDir = None) -> None:
    """Run the tutorial's Pods, step by step."""
    layout = options.layout(name, data_dir)
    screen.heading("A cluster")
    up.start(name, data_dir, {}, kubeconfig=layout.cluster / "demo.kubeconfig")
    asyncio.run(_show(layout))
    _say_shared(layout)
    _go_on(layout, options.Speaker(name, data_dir))


async def _show(layout: Layout) -> None:
    from . import session

    async with session.connect(layout) as client:
        story = Story(layout, client)
        await story.clear()
        await story.hello()
        await story.sidecar()


class Story:
    """The two Pods of the tutorial, on one client."""

    def __init__(self, layout: Layout, client: Any) -> None:
        from podling.api.types import core_v1

        self._layout = layout
        self._pods = client.resource(core_v1.Pod)
        self._client = client

    async def clear(self) -> None:
        """Remove what an earlier demo left."""
        page = await self._pods.list(namespace=NAMESPACE)
        for name in [pod.metadata.name for pod in page.items if pod.metadata.name in (HELLO, PAGE)]:
            watch = Stopwatch()
            await self._pods.delete(name, namespace=NAMESPACE, grace_period_seconds=1)
            await self._follow(name, page.resource_version, until=lambda event: event.type == "DELETED")
            screen.tick(f"removed Pod {name} of an earlier demo", seconds=watch.seconds)

    async def hello(self) -> None:
        """One Pod, one container: phases as they happen, its address, its log."""
        screen.heading("\nA Pod with one container: examples/myapp-pod.yaml")
        pod = await self._ready("myapp-pod.yaml", HELLO)
        line = await self._first_log_line(HELLO, "myapp-container")
        if line != "Hello Kubernetes!":
            raise DemoFailed(f"the log of {HELLO} reads {line!r}")
        screen.tick(f"address {pod.status.pod_ip}; its log says: {line}")

    async def sidecar(self) -> None:
        """Two containers that share a volume and the network; one is killed and comes back."""
        screen.heading(
            "\nA Pod of two containers that share a volume and the network: examples/sidecar-pod.yaml"
        )
        pod = await self._ready("sidecar-pod.yaml", PAGE)
        address = pod.status.pod_ip
        watch = Stopwatch()
        text = await asyncio.to_thread(_fetch, f"http://{address}:8080/index.html")
        screen.tick(f"http://{address}:8080 serves: {text}", seconds=watch.seconds)
        inside = await self._run("writer", "wget", "-qO-", "http://localhost:8080/index.html")
        screen.tick(f"the sidecar reads it at localhost: {inside.strip()}")
        await self._kill_and_compare(pod, address)

    async def _kill_and_compare(self, before: Any, address: str) -> None:
        mark = (await self._run("writer", "sh", "-c", "echo $$-kept > /page/mark && cat /page/mark")).strip()
        watch = Stopwatch()
        await self._run("web", "sh", "-c", "kill -9 $(cat /tmp/httpd.pid)", may_die=True)
        after = await self._follow(PAGE, before.metadata.resource_version, until=_restarted)
        screen.tick("killed the web server; its container was restarted and is Ready", seconds=watch.seconds)
        kept = (await self._run("web", "cat", "/www/mark")).strip()
        same = (after.metadata.uid, after.status.pod_ip, kept) == (before.metadata.uid, address, mark)
        if not same:
            raise DemoFailed("the restart changed the Pod's UID, its address or its volume")
        counts = ", ".join(f"{one.name} {one.restart_count}" for one in after.status.container_statuses)
        screen.tick(
            f"same UID {after.metadata.uid[:8]}..., same address {address}, volume kept; restarts: {counts}"
        )
        text = await asyncio.to_thread(_fetch, f"http://{address}:8080/index.html")
        screen.tick(f"http://{address}:8080 serves again: {text}")

    async def _ready(self, example: str, name: str) -> Any:
        """Create the example's Pod and tell its phases until it is Ready."""
        from podling.api.codec import yaml_load_all

        (document,) = yaml_load_all(_example(example), name=example)
        watch = Stopwatch()
        made = await self._client.untyped(self._pods.kind).create(document, namespace=NAMESPACE)
        screen.tick(f"created Pod {name}", seconds=watch.seconds)
        told = {"": None}

        def tell(event: Any) -> bool:
            phase = _phase(event.object)
            if phase not in told:
                told[phase] = None
                screen.tick(f"{name}: {phase}", seconds=watch.seconds)
            if hopeless := _hopeless(event.object):
                raise DemoFailed(f"Pod {name} cannot run: {hopeless}")
            return _is_ready(event.object)

        return await self._follow(name, made["metadata"]["resourceVersion"], until=tell)

    async def _follow(self, name: str, since: str, *, until: Any) -> Any:
        """Watch one Pod until ``until(event)``; its last state."""
        changes = self._pods.watch(
            namespace=NAMESPACE,
            field_selector=f"metadata.name={name}",
            resource_version=since,
            bookmarks=False,
        )
        try:
            async with asyncio.timeout(_PATIENCE):
                async for event in changes:
                    if until(event):
                        await changes.aclose()
                        return event.object
        except TimeoutError as error:
            raise DemoFailed(
                f"Pod {name} is not where it should be after {_PATIENCE} s; 'kubectl describe pod' says more"
            ) from error
        raise DemoFailed(f"the watch on Pod {name} ended early")

    async def _first_log_line(self, pod: str, container: str) -> str:
        query = (("container", container), ("follow", "true"))
        response = await self._client.stream(self._pods.kind.url(NAMESPACE, pod, "log"), query=query)
        text = b""
        try:
            async with asyncio.timeout(20):
                async for chunk in response.chunks():
                    text += chunk
                    if b"\n" in text:
                        break
        finally:
            await response.close()
        return text.decode().partition("\n")[0]

    async def _run(self, container: str, *words: str, may_die: bool = False) -> str:
        """The output of a command, which must succeed; ``may_die``: or end with its container, that it brings down."""
        from podling.client.exec import run_in_container
        from podling.cluster import access

        address = access.address(self._layout)
        done = await run_in_container(address, words, namespace=NAMESPACE, pod=PAGE, container=container)
        if done.exit_code and not (may_die and done.exit_code == _KILLED):
            raise DemoFailed(f"{' '.join(words)} ended with {done.exit_code}: {done.stderr.decode().strip()}")
        return done.stdout.decode()


def _say_shared(layout: Layout) -> None:
    """Which of the points above are less than they look here."""
    found = holder(layout)
    if found is None or not found.not_isolated:
        return
    screen.heading(f"\nNot isolated on this machine (runtime {found.runtime})")
    for line in found.not_isolated:
        screen.warn(line)


def _example(name: str) -> str:
    return (Path(__file__).parent / "examples" / name).read_text()


def _phase(pod: Any) -> str:
    status = pod.status
    waiting = [
        one.state.waiting.reason for one in status.container_statuses or () if one.state and one.state.waiting
    ]
    phase = status.phase or "Pending"
    if _is_ready(pod):
        return f"{phase}, Ready"
    scheduled = f"on node {pod.spec.node_name}" if pod.spec.node_name else "waiting for a node"
    return f"{phase} ({waiting[0] if waiting and waiting[0] else scheduled})"


def _hopeless(pod: Any) -> str:
    """Why the Pod will not run, as far as waiting does not help: its image cannot be had."""
    waiting = [one.state.waiting for one in pod.status.container_statuses or () if one.state]
    reasons = ("ErrImagePull", "RegistryUnavailable", "InvalidImageName")
    return next((one.message or one.reason for one in waiting if one and one.reason in reasons), "")


def _is_ready(pod: Any) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or ())


def _restarted(event: Any) -> bool:
    web = next(one for one in event.object.status.container_statuses or () if one.name == "web")
    return bool(web.restart_count) and _is_ready(event.object)


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode().strip())


def _go_on(layout: Layout, speaker: options.Speaker) -> None:
    screen.heading("\nGo on")
    typer.echo(f"   export KUBECONFIG={layout.cluster / 'demo.kubeconfig'}")
    for line in (
        "kubectl get pods -o wide",
        f"kubectl describe pod {HELLO}",
        f"kubectl exec -it {PAGE} -c web -- sh",
        speaker.command("get", "pods"),
        speaker.command("status"),
        speaker.command("down"),
    ):
        typer.echo(f"   {line}")
