"""Pods on real containers: what runs in them sees what the API promises."""

from __future__ import annotations

import asyncio
import base64

import pytest
from real_world import PATIENCE, SLEEP, RealWorld, is_ready, sh

from podling.api.types import core_v1

HTTPD = "mkdir -p /www && echo hello > /www/index.html && exec httpd -f -p 80 -h /www"


def status(pod: core_v1.Pod, name: str = "main") -> core_v1.ContainerStatus:
    return next(one for one in pod.status.container_statuses if one.name == name)


async def test_tutorial_pod_runs_and_says_hello(world: RealWorld):
    pod = await world.create("myapp", sh("echo Hello Kubernetes! && sleep 3600"))
    pod = await world.until_ready("myapp")
    assert pod.status.pod_ip.startswith("10.42.0.")
    async with asyncio.timeout(PATIENCE):  # a container is ready before it has said anything
        while not world.log(pod).rstrip().endswith("stdout F Hello Kubernetes!"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert status(pod).container_id.startswith(f"{world.agent.runtime.info().name}://")
    assert [reason for reason, _ in await world.events("myapp")][-2:] == ["Created", "Started"]


async def test_containers_share_volume_and_network_and_restart_alone(world: RealWorld):
    shared = {"volumeMounts": [{"name": "page", "mountPath": "/page"}]}
    writer = sh(f"date > /page/index.html; {SLEEP}", **shared) | {"name": "writer"}
    web = sh("exec httpd -f -p 80 -h /page", **shared) | {"name": "web"}
    await world.create("pair", writer, web, volumes=[{"name": "page", "emptyDir": {}}])
    before = await world.until_ready("pair")
    page = await world.run("pair", "wget", "-qO-", "http://localhost/", container="writer")
    assert page.strip()
    await world.agent.runtime.signal_container(status(before, "web").container_id.partition("://")[2], 9)
    after = await world.until("pair", lambda pod: status(pod, "web").restart_count == 1 and is_ready(pod))
    assert after.status.pod_ip == before.status.pod_ip
    assert status(after, "writer").container_id == status(before, "writer").container_id
    assert await world.run("pair", "wget", "-qO-", "http://localhost/", container="writer") == page


async def test_variables_and_files_come_from_where_the_spec_says(world: RealWorld):
    await world.make(core_v1.ConfigMap, "conf", data={"greeting": "hi", "file.txt": "text"})
    await world.make(core_v1.Secret, "hidden", data={"password": base64.b64encode(b"pw").decode()})
    env = [
        {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "greeting"}}},
        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "password"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "BOTH", "value": "$(GREETING)-$(PASSWORD)"},
    ]
    mounts = [
        {"name": "conf", "mountPath": "/conf"},
        {"name": "hidden", "mountPath": "/hidden", "readOnly": True},
        {"name": "me", "mountPath": "/me"},
        {"name": "conf", "mountPath": "/one.txt", "subPath": "file.txt"},
        {"name": "fast", "mountPath": "/fast"},
    ]
    volumes = [
        {"name": "conf", "configMap": {"name": "conf"}},
        {"name": "hidden", "secret": {"secretName": "hidden", "defaultMode": 0o400}},
        {
            "name": "me",
            "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]},
        },
        {"name": "fast", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    ]
    await world.create("full", sh(SLEEP, env=env, volumeMounts=mounts), volumes=volumes)
    pod = await world.until_ready("full")
    text = await world.run(
        "full", "sh", "-c", 'echo "$BOTH $IP"; cat /conf/file.txt /hidden/password /me/labels /one.txt'
    )
    assert text == f'hi-pw {pod.status.pod_ip}\ntextpwapp="full"text'
    assert (await world.run("full", "stat", "-Lc", "%a", "/hidden/password")).strip() == "400"
    assert "tmpfs" in await world.run("full", "grep", " /fast ", "/proc/mounts")
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert (await world.run("full", "cat", f"{token}/ca.crt", f"{token}/namespace")) == "CAdefault"
    assert (await world.run("full", "cat", f"{token}/token")).count(".") == 2


async def test_mounted_config_map_follows_its_object(world: RealWorld):
    await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
    mount = {"name": "conf", "mountPath": "/conf"}
    wait = f"until grep -q 2 /conf/a; do sleep 0.05; done; touch /tmp/seen; {SLEEP}"
    probe = {"exec": {"command": ["test", "-e", "/tmp/seen"]}, "periodSeconds": 1}
    await world.create(
        "follows",
        sh(wait, volumeMounts=[mount], readinessProbe=probe),
        volumes=[{"name": "conf", "configMap": {"name": "conf"}}],
    )
    await world.until("follows", lambda pod: pod.status.phase == "Running")
    maps = world.client.resource(core_v1.ConfigMap)
    await maps.patch("conf", {"data": {"a": "2"}}, namespace="default")
    await world.until_ready("follows")


async def test_hosts_file_and_host_name(world: RealWorld):
    aliases = [{"ip": "192.0.2.7", "hostnames": ["other"]}]
    await world.create("named", sh(SLEEP), hostname="me", hostAliases=aliases)
    pod = await world.until_ready("named")
    text = await world.run("named", "cat", "/etc/hosts")
    assert text.startswith("# Kubernetes-managed hosts file.")
    assert f"{pod.status.pod_ip}\tme\n" in text
    assert "192.0.2.7\tother\n" in text
    assert (await world.run("named", "hostname")).strip() == "me"


@pytest.mark.parametrize(
    "probe",
    [{"httpGet": {"port": 80, "path": "/index.html"}}, {"tcpSocket": {"port": 80}}],
    ids=["http", "tcp"],
)
async def test_probes_reach_the_pod_from_the_node(world: RealWorld, probe: dict[str, object]):
    await world.create("web", sh(HTTPD, readinessProbe={**probe, "periodSeconds": 30}))
    await world.until_ready("web")


async def test_failing_http_probe_is_told_in_upstreams_words(world: RealWorld):
    probe = {"httpGet": {"port": 80, "path": "/none"}, "periodSeconds": 1, "failureThreshold": 1}
    web = sh(HTTPD, livenessProbe={**probe, "initialDelaySeconds": 1})
    await world.create("web", web, terminationGracePeriodSeconds=1)
    await world.until("web", lambda pod: pod.status.container_statuses and status(pod).restart_count == 1)
    told = await world.events("web")
    assert ("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404") in told


async def test_last_words_and_exit_code(world: RealWorld):
    await world.create("once", sh("echo -n bye > /dev/termination-log; exit 3"), restartPolicy="Never")
    pod = await world.until("once", lambda pod: pod.status.phase == "Failed")
    ended = status(pod).state.terminated
    assert (ended.exit_code, ended.reason, ended.message) == (3, "Error", "bye")


async def test_command_that_is_not_there(world: RealWorld):
    await world.create("none", {"name": "main", "image": "busybox", "command": ["/no/such/thing"]})
    pod = await world.until(
        "none",
        lambda pod: (
            pod.status.container_statuses
            and (status(pod).state.waiting or core_v1.ContainerStateWaiting()).reason == "RunContainerError"
        ),
    )
    assert status(pod).last_state.terminated.exit_code in (127, 128)
    assert "/no/such/thing" in status(pod).state.waiting.message


async def test_memory_hog_is_seen_to_be_killed(world: RealWorld):
    limits = {"limits": {"memory": "16Mi"}}
    await world.create("hog", sh("tail /dev/zero", resources=limits), restartPolicy="Never")
    pod = await world.until("hog", lambda pod: pod.status.phase == "Failed")
    ended = status(pod).state.terminated
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")


async def test_users_groups_and_read_only_root(world: RealWorld):
    context = {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False}
    await world.create(
        "user",
        sh(SLEEP, securityContext=context, volumeMounts=[{"name": "v", "mountPath": "/v"}]),
        securityContext={"runAsUser": 1000, "runAsGroup": 2000, "fsGroup": 3000},
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    await world.until_ready("user")
    assert (await world.run("user", "id", "-u")).strip() == "1000"
    assert (await world.run("user", "id", "-G")).split() == ["2000", "3000"]
    assert (await world.run("user", "sh", "-c", "touch /v/x && stat -c %g /v/x")).strip() == "3000"
    assert (await world.run("user", "sh", "-c", "touch /x 2>/dev/null || echo refused")).strip() == "refused"


async def test_image_that_runs_as_root_is_refused_where_that_is_asked(world: RealWorld):
    await world.create("root", sh(SLEEP), securityContext={"runAsNonRoot": True})
    pod = await world.until(
        "root",
        lambda pod: (
            pod.status.container_statuses and status(pod).state.waiting.reason == "CreateContainerConfigError"
        ),
    )
    message = status(pod).state.waiting.message
    assert message.startswith("container has runAsNonRoot and image will run as root (pod: ")


async def test_deletion_gives_grace_and_leaves_nothing(world: RealWorld):
    await world.create("stays", sh("trap '' TERM; while true; do sleep 1; done"))
    await world.until_ready("stays")
    begun = asyncio.get_running_loop().time()
    await world.pods.delete("stays", namespace="default", grace_period_seconds=1)
    await world.until_gone("stays")
    assert 1.0 <= asyncio.get_running_loop().time() - begun < 2.0
    assert not world.agent.kit.observed.pods()


async def test_next_agent_adopts_what_runs(world: RealWorld):
    await world.create("kept", sh(f"echo one; {SLEEP}"))
    before = await world.until_ready("kept")
    await world.agent.stop()
    await world.start_agent()
    assert await world.run("kept", "echo", "still here") == "still here\n"
    after = await world.get("kept")
    assert status(after).container_id == status(before).container_id
    assert status(after).restart_count == 0


async def test_shutdown_and_start_count_a_restart(world: RealWorld):
    await world.create("again", sh(SLEEP), terminationGracePeriodSeconds=5)
    before = await world.until_ready("again")
    await world.agent.stop(keep_pods=False)
    assert not is_ready(await world.get("again"))
    await world.start_agent()
    after = await world.until("again", lambda pod: status(pod).restart_count == 1 and is_ready(pod))
    assert after.metadata.uid == before.metadata.uid
