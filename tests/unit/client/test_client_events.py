"""Events are written in the background, counted rather than repeated, and never let a chatterer fill the store."""

import msgspec

from podling.aio.clock import LoopClock
from podling.api import errors, kinds
from podling.api.types import core_v1, meta_v1
from podling.client import Client
from podling.client.event_correlation import COMBINED, Correlator, Occurrence
from podling.client.events import QUEUE, EventRecorder
from podling.testing.scripted import ScriptedTransport
from podling.testing.virtualtime import virtual

WEB = core_v1.ObjectReference(kind="Pod", api_version="v1", namespace="default", name="web", uid="u1")


def seen(message="Back-off restarting", *, reason="BackOff", at=1000.0, about=WEB):
    return Occurrence(about, "Warning", reason, message, at)


def test_the_same_again_counts_up_the_event_that_is_there():
    correlator = Correlator()
    first = correlator.correlate(seen(at=1000.0))
    again = correlator.correlate(seen(at=1030.0))
    assert (first.count, again.count) == (1, 2)
    assert again.name == first.name
    assert (again.first, again.last) == ("1970-01-01T00:16:40Z", "1970-01-01T00:17:10Z")


def test_another_message_is_another_event_even_at_the_same_instant():
    correlator = Correlator()
    names = {correlator.correlate(seen(f"message {n}")).name for n in range(5)}
    assert len(names) == 5


def test_the_tenth_different_message_starts_a_combined_event():
    correlator = Correlator()
    writes = [correlator.correlate(seen(f"exit code {n}", at=1000.0 + n)) for n in range(12)]
    assert [write.count for write in writes] == [1] * 10 + [2, 3]
    assert writes[8].message == "exit code 8"
    assert writes[11].message == f"{COMBINED}exit code 11"
    assert writes[9].name == writes[11].name


def test_after_ten_quiet_minutes_messages_stand_alone_again():
    correlator = Correlator()
    for n in range(12):
        correlator.correlate(seen(f"exit code {n}", at=1000.0))
    assert correlator.correlate(seen("exit code 99", at=1601.0)).message == "exit code 99"


def test_a_chatterer_has_a_burst_of_25_and_then_one_in_five_minutes():
    correlator = Correlator()
    written = [correlator.correlate(seen(at=1000.0)) for _ in range(40)]
    assert sum(write is not None for write in written) == 25
    assert correlator.correlate(seen(at=1299.0)) is None
    assert correlator.correlate(seen(at=1301.0)).count == 42
    other = msgspec.structs.replace(WEB, uid="u2")
    assert correlator.correlate(seen(about=other, at=1301.0)).count == 1


def recorder(**options):
    transport = ScriptedTransport()
    return transport, EventRecorder(
        Client(transport), component="kubelet", instance="n1", clock=LoopClock(1000.0)
    )


def pod():
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name="web", namespace="default", uid="u1", resource_version="7")
    )


@virtual
async def test_an_event_says_what_upstream_says():
    transport, events = recorder()
    transport.answer(b"{}", status=201)
    async with events:
        events.event(pod(), "Normal", "Pulled", "Container image present", field_path="spec.containers{web}")
        await events.wait_written()
    request = transport.requests[0]
    assert (request.method, request.path) == ("POST", "/api/v1/namespaces/default/events")
    written = msgspec.json.decode(request.body)
    name = written["metadata"].pop("name")
    assert name.startswith("web.")
    assert written == {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"namespace": "default"},
        "involvedObject": {
            "kind": "Pod",
            "apiVersion": "v1",
            "name": "web",
            "namespace": "default",
            "uid": "u1",
            "resourceVersion": "7",
            "fieldPath": "spec.containers{web}",
        },
        "type": "Normal",
        "reason": "Pulled",
        "message": "Container image present",
        "count": 1,
        "firstTimestamp": "1970-01-01T00:16:40Z",
        "lastTimestamp": "1970-01-01T00:16:40Z",
        "source": {"component": "kubelet", "host": "n1"},
        "reportingComponent": "kubelet",
        "reportingInstance": "n1",
    }


@virtual
async def test_events_about_nodes_lie_in_the_default_namespace():
    transport, events = recorder()
    transport.answer(b"{}", status=201)
    async with events:
        events.event(
            core_v1.Node(metadata=meta_v1.ObjectMeta(name="n1")), "Normal", "Starting", "Starting kubelet."
        )
        await events.wait_written()
    assert transport.requests[0].path == "/api/v1/namespaces/default/events"


@virtual
async def test_a_repetition_is_a_patch_and_one_that_the_server_forgot_is_written_anew():
    transport, events = recorder()
    transport.answer(b"{}", status=201)
    transport.answer(msgspec.json.encode(errors.NotFound(kinds.EVENT, "x").status()), status=404)
    transport.answer(b"{}", status=201)
    async with events:
        events.event(pod(), "Warning", "BackOff", "again")
        events.event(pod(), "Warning", "BackOff", "again")
        await events.wait_written()
    assert [request.method for request in transport.requests] == ["POST", "PATCH", "POST"]
    assert msgspec.json.decode(transport.requests[1].body)["count"] == 2
    assert msgspec.json.decode(transport.requests[2].body)["count"] == 2


@virtual
async def test_an_unreachable_server_is_tried_again_and_a_refusing_one_is_not():
    transport, events = recorder()
    transport.refuse_connection()
    transport.answer(b"{}", status=201)
    forbidden = errors.Forbidden(kinds.EVENT, "x", "because it is being terminated")
    transport.answer(msgspec.json.encode(forbidden.status()), status=403)
    async with events:
        events.event(pod(), "Normal", "One", "1")
        events.event(pod(), "Normal", "Two", "2")
        await events.wait_written()
        assert (events.statistics().written, events.statistics().refused) == (1, 1)


@virtual
async def test_what_does_not_fit_the_queue_is_dropped_and_counted():
    _, events = recorder()
    for n in range(QUEUE + 3):
        events.event(pod(), "Normal", "Many", str(n))
    assert (events.statistics().queued, events.statistics().dropped) == (QUEUE, 3)


@virtual
async def test_stopping_writes_what_is_queued():
    transport, events = recorder()
    for _ in range(3):
        transport.answer(b"{}", status=201)
    await events.start()
    for n in range(3):
        events.event(pod(), "Normal", "Last", str(n))
    await events.stop()
    assert len(transport.requests) == 3
