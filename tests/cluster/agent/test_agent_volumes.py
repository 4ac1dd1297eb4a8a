"""Volumes over time: what they are filled from comes, changes and goes; tokens are renewed; what is missing is told and waited for."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent_world import EPOCH, AgentWorld, is_ready
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podling.api import times
from podling.api.types import certificates_v1, core_v1, meta_v1
from podling.client.resource import PatchType
from podling.testing.virtualtime import virtual

MAIN = {"name": "main", "image": "busybox:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}


def config_map(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": "v", "configMap": {"name": name, **fields}}


async def running(world: AgentWorld, *volumes: dict[str, Any], **spec: Any) -> Path:
    """The folder of the volume `v` of a running Pod."""
    await world.create("web", MAIN, volumes=[*volumes], **spec)
    pod = await world.until_ready("web")
    return world.agent.kit.volumes.of(pod.metadata.uid or "")["v"]


async def soon(condition: Callable[[], Any], *, limit: float = 1.0) -> None:
    """The condition holds within so many virtual seconds."""
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 -- virtual time, and files tell nobody
            await asyncio.sleep(0.01)


def files(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted(folder.iterdir()) if not p.name.startswith("..")}


def claims(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def mount_events(world: AgentWorld) -> list[str]:
    return [message for _, reason, message in await world.events("web") if reason == "FailedMount"]


@virtual
async def test_each_volume_that_cannot_be_mounted_is_told_and_the_pod_starts_when_the_last_can_be(
    tmp_path: Path,
):
    async with AgentWorld(tmp_path) as world:
        hidden = {"name": "w", "secret": {"secretName": "hidden"}}
        await world.create("web", MAIN, volumes=[config_map("conf"), hidden])
        await asyncio.sleep(5)
        told = await mount_events(world)
        assert set(told) == {
            'MountVolume.SetUp failed for volume "v" : configmap "conf" not found',
            'MountVolume.SetUp failed for volume "w" : secret "hidden" not found',
        }
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        await world.make(core_v1.Secret, "hidden")
        await world.until_ready("web", seconds=1)


@virtual
async def test_tries_come_further_apart_and_after_two_minutes_the_pod_as_a_whole_is_told(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.create("web", MAIN, volumes=[config_map("conf"), {"name": "e", "emptyDir": {}}])
        await asyncio.sleep(200)
        page = await world.client.resource(core_v1.Event).list(namespace="default")
        counts = {event.message: event.count or 1 for event in page.items if event.reason == "FailedMount"}
        whole = (
            "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], "
            "failed to process volumes=[]: context deadline exceeded"
        )
        assert counts[whole] == 1
        single = counts['MountVolume.SetUp failed for volume "v" : configmap "conf" not found']
        assert single == 9, "half a second, then twice as long each time"


@virtual
async def test_a_missing_key_is_told_and_waited_for(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        items = [{"key": "b", "path": "p"}]
        await world.create("web", MAIN, volumes=[config_map("conf", items=items)])
        await asyncio.sleep(1)
        why = "configmap references non-existent config key: b"
        assert await mount_events(world) == [f'MountVolume.SetUp failed for volume "v" : {why}']
        maps = world.client.resource(core_v1.ConfigMap)
        await maps.patch("conf", {"data": {"b": "2"}}, namespace="default")
        await world.until_ready("web", seconds=1)


@virtual
async def test_optional_source_appears_changes_and_vanishes_within_a_second(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        folder = await running(world, config_map("conf", optional=True))
        assert files(folder) == {}
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        await soon(lambda: files(folder) == {"a": "1"})
        maps = world.client.resource(core_v1.ConfigMap)
        await maps.patch("conf", {"data": {"a": None, "b": "2"}}, namespace="default")
        await soon(lambda: files(folder) == {"b": "2"})
        await maps.delete("conf", namespace="default")
        await soon(lambda: files(folder) == {})
        assert await mount_events(world) == []


@virtual
async def test_source_that_must_be_there_and_vanishes_leaves_its_files_and_is_told(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        folder = await running(world, config_map("conf"))
        maps = world.client.resource(core_v1.ConfigMap)
        await maps.delete("conf", namespace="default")
        await asyncio.sleep(1)
        assert files(folder) == {"a": "1"}
        assert await mount_events(world) == [
            'MountVolume.SetUp failed for volume "v" : configmap "conf" not found'
        ]
        assert is_ready(await world.get("web"))
        await world.make(core_v1.ConfigMap, "conf", data={"a": "2"})
        await soon(lambda: files(folder) == {"a": "2"})


@virtual
async def test_one_source_that_is_gone_does_not_keep_others_from_following(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.make(core_v1.ConfigMap, "gone", data={"a": "1"})
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        folder = await running(world, {"name": "w", "configMap": {"name": "gone"}}, config_map("conf"))
        maps = world.client.resource(core_v1.ConfigMap)
        await maps.delete("gone", namespace="default")
        await maps.patch("conf", {"data": {"a": "2"}}, namespace="default")
        await soon(lambda: files(folder) == {"a": "2"})


@virtual
async def test_labels_and_annotations_are_followed_within_a_second(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        items = [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
            {"path": "note", "fieldRef": {"fieldPath": "metadata.annotations['note']"}},
        ]
        folder = await running(world, {"name": "v", "downwardAPI": {"items": items}})
        assert files(folder) == {"labels": "", "note": ""}
        change = {"metadata": {"labels": {"a": "b"}, "annotations": {"note": "new"}}}
        await world.pods.patch("web", change, namespace="default")
        await soon(lambda: files(folder) == {"labels": 'a="b"', "note": "new"})


@virtual
async def test_limits_are_followed_when_the_pod_is_resized(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        item = {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"}}
        item["resourceFieldRef"]["divisor"] = "1m"
        await world.create(
            "web",
            MAIN | {"resources": {"limits": {"cpu": "100m", "memory": "32Mi"}}},
            volumes=[{"name": "v", "downwardAPI": {"items": [item]}}],
        )
        pod = await world.until_ready("web")
        folder = world.agent.kit.volumes.of(pod.metadata.uid or "")["v"]
        assert files(folder) == {"cpu": "100"}
        larger = {"name": "main", "resources": {"limits": {"cpu": "200m"}, "requests": {"cpu": "200m"}}}
        await world.pods.patch(
            "web",
            {"spec": {"containers": [larger]}},
            namespace="default",
            subresource="resize",
            type=PatchType.STRATEGIC,
        )
        await soon(lambda: files(folder) == {"cpu": "200"})


@virtual
async def test_token_is_for_its_audience_and_time_and_renewed_after_four_fifths_of_it(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        source = {"path": "token", "audience": "vault", "expirationSeconds": 1000}
        volume = {"name": "v", "projected": {"sources": [{"serviceAccountToken": source}]}}
        folder = await running(world, volume)
        first = files(folder)["token"]
        told = claims(first)
        assert (told["aud"], told["exp"] - told["iat"]) == (["vault"], 1000)
        assert told["kubernetes.io"]["pod"]["name"] == "web"
        await asyncio.sleep(790)
        assert files(folder)["token"] == first
        await soon(lambda: files(folder)["token"] != first, limit=20)
        assert claims(files(folder)["token"])["exp"] >= told["exp"] + 790


@virtual
async def test_token_that_cannot_be_renewed_serves_to_its_end_and_then_that_is_told(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        source = {"path": "token", "expirationSeconds": 1000}
        volume = {"name": "v", "projected": {"sources": [{"serviceAccountToken": source}]}}
        folder = await running(world, volume)
        first = files(folder)["token"]
        accounts = world.client.resource(core_v1.ServiceAccount)
        await accounts.delete("default", namespace="default")
        await asyncio.sleep(990)
        assert await mount_events(world) == []
        await asyncio.sleep(120)
        assert files(folder)["token"] == first
        (message, *_) = await mount_events(world)
        assert "token expired and refresh failed" in message
        await world.make(core_v1.ServiceAccount, "default")
        await soon(lambda: files(folder)["token"] != first, limit=130)


def anchor(name: str) -> str:
    """The certificate of a CA, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@virtual
async def test_trust_bundles_are_followed_as_they_come_and_go(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        bundles = world.client.resource(certificates_v1.ClusterTrustBundle)

        async def make(name: str) -> str:
            text = anchor(name)
            await bundles.create(
                certificates_v1.ClusterTrustBundle(
                    metadata=meta_v1.ObjectMeta(name=f"e.org:ca:{name}", labels={"on": "yes"}),
                    spec=certificates_v1.ClusterTrustBundleSpec(signer_name="e.org/ca", trust_bundle=text),
                )
            )
            return text

        chosen = {"signerName": "e.org/ca", "labelSelector": {"matchLabels": {"on": "yes"}}, "path": "ca.pem"}
        volume = {"name": "v", "projected": {"sources": [{"clusterTrustBundle": chosen}]}}
        await world.create("web", MAIN, volumes=[volume])
        await asyncio.sleep(1)
        why = "combination of signerName and labelSelector matched zero ClusterTrustBundles"
        assert await mount_events(world) == [f'MountVolume.SetUp failed for volume "v" : {why}']
        one = await make("one")
        pod = await world.until_ready("web", seconds=1)
        folder = world.agent.kit.volumes.of(pod.metadata.uid or "")["v"]
        assert files(folder) == {"ca.pem": one}
        two = await make("two")
        await soon(lambda: files(folder)["ca.pem"] in (one + two, two + one))
        await bundles.delete("e.org:ca:one")
        await soon(lambda: files(folder) == {"ca.pem": two})


class Signer:
    """Answers the requests of one signer's name, with whatever text as a certificate."""

    def __init__(self, world: AgentWorld) -> None:
        self.requests = world.client.resource(certificates_v1.PodCertificateRequest)
        self.seen: list[certificates_v1.PodCertificateRequest] = []

    async def answer(self, condition: str, **status: Any) -> None:
        """Every request that has no answer yet, waiting for the first."""
        while not (waiting := await self.unanswered()):  # noqa: ASYNC110 -- virtual time
            await asyncio.sleep(0.01)
        for request in waiting:
            self.seen.append(request)
            told = {
                "type": condition,
                "status": "True",
                "reason": "Signed",
                "message": "as asked",
                "lastTransitionTime": "2023-11-14T22:13:20Z",
            }
            await self.requests.patch(
                request.metadata.name,
                {"status": {"conditions": [told], **status}},
                namespace="default",
                subresource="status",
            )

    async def unanswered(self) -> list[certificates_v1.PodCertificateRequest]:
        return [one for one in await self.all() if not (one.status and one.status.conditions)]

    async def all(self) -> list[certificates_v1.PodCertificateRequest]:
        return list((await self.requests.list(namespace="default")).items)


def certified(**fields: Any) -> dict[str, Any]:
    source = {"signerName": "e.org/ca", "keyType": "ECDSAP256", **fields}
    return {"name": "v", "projected": {"sources": [{"podCertificate": source}]}}


@virtual
async def test_certificate_is_asked_for_waited_for_and_renewed_when_its_signer_says(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        signer = Signer(world)
        paths = {
            "credentialBundlePath": "both.pem",
            "keyPath": "key.pem",
            "certificateChainPath": "chain.pem",
        }
        await world.create("web", MAIN, volumes=[certified(maxExpirationSeconds=7200, **paths)])
        await asyncio.sleep(1)
        why = "credential bundle is not issued yet"
        assert await mount_events(world) == [f'MountVolume.SetUp failed for volume "v" : {why}']
        begin = {"certificateChain": "FIRST", "beginRefreshAt": times.rfc3339(EPOCH + 3600)}
        await signer.answer("Issued", **begin)
        pod = await world.until_ready("web", seconds=1)
        (asked,) = signer.seen
        spec = asked.spec
        assert (spec.pod_name, spec.pod_uid) == ("web", pod.metadata.uid)
        assert (spec.node_name, spec.service_account_name) == ("node-1", "default")
        assert spec.max_expiration_seconds == 7200
        request = x509.load_der_x509_csr(base64.b64decode(spec.stub_pkcs10_request))
        folder = world.agent.kit.volumes.of(pod.metadata.uid or "")["v"]
        shown = files(folder)
        assert shown["both.pem"] == shown["key.pem"] + shown["chain.pem"]
        assert shown["chain.pem"] == "FIRST"
        key = serialization.load_pem_private_key(shown["key.pem"].encode(), None)
        assert request.is_signature_valid
        assert request.public_key() == key.public_key(), "the key was made here and stays here"
        await asyncio.sleep(3590)
        assert len(await signer.all()) == 1
        await signer.answer("Issued", certificateChain="SECOND", beginRefreshAt=times.rfc3339(EPOCH + 9000))
        await soon(lambda: files(folder)["chain.pem"] == "SECOND")
        assert files(folder)["key.pem"] != shown["key.pem"]


@virtual
async def test_denied_certificate_is_told_with_its_reason_and_asked_for_once(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        signer = Signer(world)
        await world.create("web", MAIN, volumes=[certified(credentialBundlePath="both.pem")])
        await signer.answer("Denied")
        await asyncio.sleep(30)
        told = [message for _, reason, message in await world.events("web") if reason == "Denied"]
        why = 'PodCertificateRequest was permanently denied: reason="Signed" message="as asked"'
        assert told == [f'MountVolume.SetUp failed for volume "v" : {why}']
        assert len(await signer.all()) == 1


@virtual
async def test_fifty_objects_are_asked_for_side_by_side(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        for number in range(50):
            await world.make(core_v1.ConfigMap, f"conf-{number}", data={"n": str(number)})
        volumes = [{"name": f"v{n}", "configMap": {"name": f"conf-{n}"}} for n in range(50)]
        await world.create("web", {"name": "main", "image": "busybox:1"}, volumes=volumes)
        pod = await world.until_ready("web", seconds=2)
        mounted = world.agent.kit.volumes.of(pod.metadata.uid or "")
        assert [(mounted[f"v{n}"] / "n").read_text() for n in range(50)] == [str(n) for n in range(50)]
        assert world.agent.kit.references.statistics() == {"watched": 51}, "and the authority's certificate"


@virtual
async def test_next_agent_takes_the_files_as_they_are_and_follows_on(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        folder = await running(world, config_map("conf"))
        before = (folder / "..data").readlink()
        await world.agent.stop()
        await world.start_agent()
        await world.agent.pods.find("default", "web").wait_idle()
        assert (folder / "..data").readlink() == before
        maps = world.client.resource(core_v1.ConfigMap)
        await maps.patch("conf", {"data": {"a": "2"}}, namespace="default")
        await soon(lambda: files(folder) == {"a": "2"})


@virtual
async def test_change_that_an_agent_missed_is_caught_up_with(tmp_path: Path):
    async with AgentWorld(tmp_path) as world:
        await world.make(core_v1.ConfigMap, "conf", data={"a": "1"})
        folder = await running(world, config_map("conf"))
        await world.agent.stop()
        maps = world.client.resource(core_v1.ConfigMap)
        await maps.patch("conf", {"data": {"a": "2"}}, namespace="default")
        await world.start_agent()
        await soon(lambda: files(folder) == {"a": "2"})
