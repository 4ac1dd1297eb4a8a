"""A Pod template is a cookie cutter: a new one never changes Pods that were cut, and nothing done to a Pod changes its cutter.

Source: https://kubernetes.io/docs/concepts/workloads/pods/#pod-templates.
"""

import pytest
from controllers_world import ControllersWorld, template

from podling.api import codec
from podling.api.errors import Invalid
from podling.api.types import apps_v1, batch_v1, core_v1
from podling.client.informer import Handler
from podling.client.resource import PatchType
from podling.testing.virtualtime import virtual

POD = core_v1.Pod
LABELS = {"app": "web"}
SELECTOR = {"matchLabels": LABELS}
RUNNING = {"template": template(LABELS)}
ENDING = {"template": template(LABELS)}
ENDING["template"]["spec"]["restartPolicy"] = "Never"
ENDING["template"]["metadata"] = {
    **ENDING["template"]["metadata"],
    "annotations": {"simulated.podling.dev/lasts": "forever"},
}

CUTTERS = {
    "ReplicationController": (core_v1.ReplicationController, {"selector": LABELS, **RUNNING}),
    "ReplicaSet": (apps_v1.ReplicaSet, {"selector": SELECTOR, **RUNNING}),
    "Deployment": (apps_v1.Deployment, {"selector": SELECTOR, **RUNNING}),
    "StatefulSet": (apps_v1.StatefulSet, {"selector": SELECTOR, "serviceName": "web", **RUNNING}),
    "DaemonSet": (apps_v1.DaemonSet, {"selector": SELECTOR, **RUNNING}),
    "Job": (batch_v1.Job, ENDING),
    "CronJob": (batch_v1.CronJob, {"schedule": "0 * * * *", "jobTemplate": {"spec": ENDING}}),
}
ROLLING = ("Deployment", "StatefulSet", "DaemonSet")
"""They replace Pods that are not of the template by new ones."""
ENDS = ("Job", "CronJob")
"""Their containers are not started anew, so they keep their image."""


def cutter(owner):
    return owner.spec.job_template.spec.template if owner.kind == "CronJob" else owner.spec.template


def change(owner, patch):
    whole = {"template": patch}
    return {"spec": {"jobTemplate": {"spec": whole}} if owner.kind == "CronJob" else whole}


class Cookies:
    """How every Pod has looked since it was made, by UID: image and notes."""

    def __init__(self, world):
        self.looks = {}
        world.seen.get(POD).add_handler(Handler(on_add=self._see, on_update=lambda _, new: self._see(new)))

    def _see(self, pod):
        notes = pod.metadata.annotations or {}
        look = (pod.spec.containers[0].image, notes.get("mine"), notes.get("new"))
        seen = self.looks.setdefault(pod.metadata.uid, [])
        if not seen or seen[-1] != look:
            seen.append(look)


@pytest.mark.parametrize("name", CUTTERS)
@virtual
async def test_a_template_cuts_pods_and_neither_changes_the_other(name, tmp_path):
    kind, spec = CUTTERS[name]
    async with ControllersWorld(tmp_path) as world:
        cookies = Cookies(world)
        made = await world.create(kind, "web", spec=spec)
        (pod,) = await world.until(world.ready, seconds=2 * 3600)
        image = "busybox:mine" if name not in ENDS else "busybox:1"
        edited = {
            "metadata": {"annotations": {"mine": "yes"}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        }
        await world.patch(POD, pod.metadata.name, edited, type=PatchType.STRATEGIC)
        await world.idle()
        assert [each.metadata.uid for each in world.pods()] == [pod.metadata.uid]
        assert codec.semantic_equal(cutter(await world.get(kind, "web")), cutter(made))

        patch = {
            "metadata": {"annotations": {"new": "yes"}},
            "spec": {"containers": [{"name": "main", "image": "busybox:2"}]},
        }
        if name == "Job":
            with pytest.raises(Invalid, match="field is immutable"):
                await world.patch(kind, "web", change(made, patch), type=PatchType.STRATEGIC)
        else:
            await world.patch(kind, "web", change(made, patch), type=PatchType.STRATEGIC)
        await world.idle()
        if name in ROLLING:
            await world.until(
                lambda: {each.spec.containers[0].image for each in world.ready()} == {"busybox:2"}
            )
        else:
            assert [each.metadata.uid for each in world.pods()] == [pod.metadata.uid]
        first = cookies.looks.pop(pod.metadata.uid)
        assert first == [("busybox:1", None, None), (image, "yes", None)]
        assert all(looks == [("busybox:2", None, "yes")] for looks in cookies.looks.values())
        assert bool(cookies.looks) == (name in ROLLING)
