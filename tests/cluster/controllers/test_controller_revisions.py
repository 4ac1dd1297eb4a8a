"""ControllerRevisions as their own kind, beside what controllers do with them. Row: sig-apps / controller_revision (v1.25)."""

import msgspec
import pytest
from controllers_world import ControllersWorld, template

from podling.api import errors
from podling.api.types import apps_v1
from podling.testing.virtualtime import virtual

DS, CR = apps_v1.DaemonSet, apps_v1.ControllerRevision
LABELS = {"app": "agent"}


@virtual
async def test_revisions_are_listed_patched_made_replaced_and_deleted_and_a_new_template_makes_another(
    tmp_path,
):
    async with ControllersWorld(tmp_path) as world:
        revisions = world.client.resource(CR)
        await world.create(
            DS, "agent", spec={"selector": {"matchLabels": LABELS}, "template": template(LABELS)}
        )
        await world.until(lambda: len(world.ready()) == 1)
        (first,) = (await revisions.list(label_selector="app=agent")).items
        assert (first.revision, first.metadata.owner_references[0].name) == (1, "agent")
        await revisions.patch(
            first.metadata.name, {"metadata": {"labels": {"agent": "patched"}}}, namespace="default"
        )
        await world.create(CR, "mine", labels=LABELS, revision=2, data=first.data)
        await world.idle()
        (mine,) = [
            each
            for each in (await revisions.list(label_selector="app=agent")).items
            if each.metadata.name == "mine"
        ]
        assert mine.metadata.owner_references[0].name == "agent", (
            "what matches and has no owner is taken over"
        )
        mine.revision = 3
        assert (await revisions.update(mine)).revision == 3
        mine = await world.get(CR, "mine")
        mine.data = msgspec.Raw(b'{"spec":{}}')
        with pytest.raises(errors.Invalid, match=r"data: Invalid value: .*field is immutable"):
            await revisions.update(mine)
        await world.delete(CR, "mine")
        container = {"name": "main", "image": "busybox:1", "terminationMessagePath": "/x"}
        await world.patch(DS, "agent", {"spec": {"template": {"spec": {"containers": [container]}}}})
        await world.idle()
        known = (await revisions.list(label_selector="app=agent")).items
        assert sorted(each.revision for each in known) == [1, 2]
        await revisions.delete_collection(namespace="default", label_selector="agent=patched")
        await world.idle()
        assert [each.revision for each in (await revisions.list(label_selector="app=agent")).items] == [2]
