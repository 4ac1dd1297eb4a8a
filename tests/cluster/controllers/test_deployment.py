"""Deployments on a whole cluster in memory.

Rows: conformance v1.24, test/e2e/apps/deployment.go and the garbage collector's rows on Deployments.
"""

from controllers_world import ControllersWorld, template

from podling.api.pod import is_terminal
from podling.api.types import apps_v1, core_v1
from podling.client.informer import Handler
from podling.controllers.deployment import generations, status
from podling.testing.virtualtime import virtual

D, RS, POD = apps_v1.Deployment, apps_v1.ReplicaSet, core_v1.Pod
LABELS = {"app": "web"}


def spec(replicas, **more):
    return {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template(LABELS), **more}


def image(name):
    return {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": name}]}}}}


def images(world):
    return {pod.spec.containers[0].image for pod in world.pods()}


def complete(world, name="web"):
    """As `kubectl rollout status` judges it."""
    found = world.one(D, name)
    if not found or not found.status or (found.status.observed_generation or 0) < found.metadata.generation:
        return False
    numbers, wanted = found.status, found.spec.replicas
    return (
        (numbers.updated_replicas or 0) == wanted
        and (numbers.replicas or 0) == wanted
        and (numbers.available_replicas or 0) == wanted
    )


def condition(world, type):
    return status.find(world.one(D, "web").status.conditions or (), type)


def revision(obj):
    return obj.metadata.annotations[generations.REVISION]


async def rolled_out(world, replicas=3, **more):
    made = await world.create(D, "web", spec=spec(replicas, **more))
    await world.until(lambda: complete(world))
    return made


@virtual
async def test_a_deployment_comes_up_and_says_so(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world)
        (rs,) = world.all(RS)
        assert len(world.ready()) == 3
        assert all(pod.metadata.name.startswith(f"{rs.metadata.name}-") for pod in world.pods())
        assert revision(world.one(D, "web")) == revision(rs) == "1"
        assert condition(world, "Available").status == "True"
        await world.until(lambda: condition(world, "Progressing").reason == "NewReplicaSetAvailable")
        await world.idle()
        events = await world.events("web")
        assert events == [
            ("Normal", "ScalingReplicaSet", f"Scaled up replica set {rs.metadata.name} from 0 to 3")
        ]
        written = world.one(D, "web").metadata.resource_version
        await world.idle()
        assert world.one(D, "web").metadata.resource_version == written, "a settled Deployment is left alone"


@virtual
async def test_a_rolling_update_never_falls_below_what_must_be_available(tmp_path):
    """Row: RollingUpdate replaces pods."""
    async with ControllersWorld(tmp_path) as world:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        await rolled_out(world, strategy=rolling)
        least, most = [], []

        def watch():
            least.append(len(world.ready()))
            most.append(len(world.pods()))
            return complete(world) and images(world) == {"busybox:2"}

        await world.patch(D, "web", image("busybox:2"), type=strategic())
        await world.until(watch)
        assert min(least) >= 3
        assert max(most) <= 4
        old, new = sorted(world.all(RS), key=revision)
        assert (old.spec.replicas, new.spec.replicas) == (0, 3)
        assert revision(world.one(D, "web")) == "2"


def strategic():
    from podling.client import PatchType

    return PatchType.STRATEGIC


@virtual
async def test_recreate_never_runs_two_versions_together(tmp_path):
    """Row: Recreate deletes all old pods before new ones."""
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world, strategy={"type": "Recreate"})
        await world.patch(D, "web", image("busybox:2"), type=strategic())
        together = []

        def watch():
            living = [pod for pod in world.all(POD) if not is_terminal(pod)]
            together.append(len({pod.spec.containers[0].image for pod in living}))
            return complete(world) and images(world) == {"busybox:2"}

        await world.until(watch)
        assert max(together) == 1


@virtual
async def test_a_matching_replica_set_is_adopted_and_its_revision_continued(tmp_path):
    """Row: adopting a matching existing ReplicaSet and continuing from its revision number."""
    async with ControllersWorld(tmp_path) as world:
        old = await world.create(
            RS, "adopted", labels=LABELS, annotations={generations.REVISION: "3546342"}, spec=spec(1)
        )
        await world.until(lambda: len(world.ready()) == 1)
        await world.create(D, "web", spec={**spec(1), "template": template(LABELS, image="busybox:2")})
        await world.until(lambda: complete(world) and images(world) == {"busybox:2"})
        assert revision(world.one(D, "web")) == "3546343"
        kept = world.one(RS, "adopted")
        assert kept.metadata.owner_references[0].uid == world.one(D, "web").metadata.uid
        assert (kept.metadata.uid, kept.spec.replicas) == (old.metadata.uid, 0)


@virtual
async def test_undo_is_a_patch_of_the_template_and_the_old_replica_set_comes_back(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world)
        (first,) = world.all(RS)
        await world.patch(D, "web", image("busybox:2"), type=strategic())
        await world.until(lambda: complete(world) and images(world) == {"busybox:2"})
        await world.patch(D, "web", image("busybox:1"), type=strategic())
        await world.until(lambda: complete(world) and images(world) == {"busybox:1"})
        assert world.one(RS, first.metadata.name).spec.replicas == 3
        assert revision(world.one(RS, first.metadata.name)) == revision(world.one(D, "web")) == "3"
        assert len(world.all(RS)) == 2


@virtual
async def test_surplus_old_replica_sets_are_deleted(tmp_path):
    """Row: delete surplus old ReplicaSets according to revisionHistoryLimit."""
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world, 1, revisionHistoryLimit=1)
        for version in (2, 3, 4):
            await world.patch(D, "web", image(f"busybox:{version}"), type=strategic())
            await world.until(lambda v=version: complete(world) and images(world) == {f"busybox:{v}"})
        await world.until(lambda: sorted(map(revision, world.all(RS))) == ["3", "4"])


@virtual
async def test_scaling_during_a_rollout_is_proportional(tmp_path):
    """Row: scaling during a rollout distributes replicas proportionally between old and new ReplicaSets."""
    async with ControllersWorld(tmp_path) as world:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
        await rolled_out(world, 10, strategy=rolling)
        never_ready = {"exec": {"command": ["false"]}}
        container = {"name": "main", "image": "busybox:404", "readinessProbe": never_ready, "command": ["no"]}
        broken = {"spec": {"template": {"spec": {"schedulerName": "nobody", "containers": [container]}}}}
        await world.patch(D, "web", broken, type=strategic())

        def by_revision():
            return [each.spec.replicas for each in sorted(world.all(RS), key=revision)]

        await world.until(lambda: by_revision() == [8, 5])
        await world.idle()
        assert by_revision() == [8, 5]
        await world.patch(D, "web", {"spec": {"replicas": 30}})
        await world.until(lambda: by_revision() == [20, 13])
        await world.idle()
        assert by_revision() == [20, 13]


@virtual
async def test_a_rollout_without_progress_is_reported_after_its_deadline(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        stuck = template(LABELS)
        stuck["spec"]["schedulerName"] = "nobody"
        await world.create(D, "web", spec={**spec(1, progressDeadlineSeconds=30), "template": stuck})
        await world.until(lambda: world.one(D, "web") and condition(world, "Progressing"))
        begun = world.clock.now()
        await world.until(lambda: condition(world, "Progressing").reason == "ProgressDeadlineExceeded")
        assert 30 <= world.clock.now() - begun <= 35
        assert condition(world, "Progressing").status == "False"
        assert condition(world, "Available").status == "False"


@virtual
async def test_a_paused_deployment_does_not_roll_until_it_is_resumed(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world)
        await world.patch(D, "web", {"spec": {"paused": True}})
        await world.patch(D, "web", image("busybox:2"), type=strategic())
        await world.patch(D, "web", {"spec": {"replicas": 4}})
        await world.until(lambda: len(world.ready()) == 4)
        await world.idle()
        assert images(world) == {"busybox:1"}
        await world.patch(D, "web", {"spec": {"paused": None}})
        await world.until(lambda: complete(world) and images(world) == {"busybox:2"})


@virtual
async def test_the_template_is_a_cookie_cutter(tmp_path):
    """A Pod that is edited keeps its edit and its owner its template; a new template makes new Pods, it changes none."""
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world, 1)
        (pod,) = world.pods()
        await world.patch(POD, pod.metadata.name, {"metadata": {"annotations": {"mine": "yes"}}})
        await world.idle()
        assert [each.metadata.uid for each in world.pods()] == [pod.metadata.uid]
        assert not world.one(D, "web").spec.template.metadata.annotations
        await world.patch(D, "web", image("busybox:2"), type=strategic())
        changed = []
        world.seen.get(POD).add_handler(Handler(on_update=lambda _, new: changed.append(new)))
        await world.until(lambda: complete(world) and images(world) == {"busybox:2"})
        assert all(
            each.spec.containers == pod.spec.containers
            for each in changed
            if each.metadata.uid == pod.metadata.uid
        )
        assert pod.metadata.uid not in {each.metadata.uid for each in world.pods()}


@virtual
async def test_two_templates_with_one_hash_get_two_names(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        wanted = await world.create(D, "probe", spec=spec(0))
        await world.until(lambda: complete(world, "probe"))
        (squatter_name,) = [each.metadata.name for each in world.all(RS)]
        taken = squatter_name.replace("probe-", "web-")
        other = {"app": "other"}
        await world.create(
            RS,
            taken,
            spec={"replicas": 0, "selector": {"matchLabels": other}, "template": template(other)},
        )
        await rolled_out(world)
        assert world.one(D, "web").status.collision_count == 1
        names = {each.metadata.name for each in world.all(RS)}
        assert len(names) == 3
        assert wanted.spec.replicas == 0


@virtual
async def test_background_deletion_cascades_to_replica_set_and_pods(tmp_path):
    """Row: background-deleting a Deployment cascades to its ReplicaSet and then the pods."""
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world)
        await world.delete(D, "web")
        await world.until(lambda: not world.all(RS) and not world.all(POD), seconds=60)


@virtual
async def test_foreground_deletion_goes_from_the_bottom_up(tmp_path):
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world)
        order = []

        def watch():
            here = (bool(world.all(D)), bool(world.all(RS)), bool(world.all(POD)))
            if not order or order[-1] != here:
                order.append(here)
            return here == (False, False, False)

        await world.delete(D, "web", propagation_policy="Foreground")
        await world.until(watch, seconds=60)
        assert order == [(True, True, True), (True, True, False), (True, False, False), (False, False, False)]


@virtual
async def test_orphan_deletion_leaves_replica_set_and_pods(tmp_path):
    """Row: orphan deletion of a Deployment leaves ReplicaSet and pods behind, owner reference dropped."""
    async with ControllersWorld(tmp_path) as world:
        await rolled_out(world)
        await world.delete(D, "web", propagation_policy="Orphan")
        await world.until(lambda: not world.all(D), seconds=60)
        await world.idle()
        (left,) = world.all(RS)
        assert not left.metadata.owner_references
        assert len(world.ready()) == 3
