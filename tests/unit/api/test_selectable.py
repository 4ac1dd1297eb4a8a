"""The values that field selectors compare, as upstream's strategies give them."""

from __future__ import annotations

from podling.api import kinds, selectable, selectors
from podling.api.types import batch_v1, core_v1


def test_a_pods_fields() -> None:
    pod = core_v1.Pod(
        spec=core_v1.PodSpec(node_name="n1", host_network=True), status=core_v1.PodStatus(phase="Running")
    )
    values = selectable.values(kinds.POD, pod)
    assert values["spec.nodeName"] == "n1"
    assert values["spec.hostNetwork"] == "true"
    assert values["status.phase"] == "Running"
    assert values["status.podIP"] == ""


def test_what_is_absent_has_its_zero_value() -> None:
    assert selectable.values(kinds.POD, core_v1.Pod())["spec.hostNetwork"] == "false"
    assert selectable.values(kinds.NODE, core_v1.Node()) == {"spec.unschedulable": "false"}
    assert selectable.values(kinds.JOB, batch_v1.Job(status=batch_v1.JobStatus(succeeded=3))) == {
        "status.successful": "3"
    }


def test_dicts_answer_as_structs_do() -> None:
    assert selectable.values(kinds.SECRET, {"type": "Opaque"}) == {"type": "Opaque"}


def test_an_events_source_is_its_component_or_its_reporter() -> None:
    involved = core_v1.ObjectReference(kind="Pod", uid="u")
    event = core_v1.Event(involved_object=involved, reporting_component="kubelet", reason="Started")
    values = selectable.values(kinds.EVENT, event)
    assert (values["source"], values["involvedObject.uid"], values["reason"]) == ("kubelet", "u", "Started")
    event.source = core_v1.EventSource(component="scheduler")
    assert selectable.values(kinds.EVENT, event)["source"] == "scheduler"


def test_fields_of_another_version_are_translated_to_the_stored_one() -> None:
    asked = selectors.parse_fields("regarding.name=web,reportingController=kubelet")
    asked.check(kinds.EVENT_EVENTS_V1)
    stored = asked.renamed(selectable.STORED_NAMES[kinds.EVENT_EVENTS_V1])
    stored.check(kinds.EVENT)
    assert stored.exact("involvedObject.name") == "web"
