"""What the server does with claims and volumes at its door: a class by default, protection, and growth only where allowed.

Rows: conformance test/e2e/storage (persistent_volumes, storageclass), what they say beyond the verbs of every kind.
"""

CLAIMS, VOLUMES = "/api/v1/namespaces/default/persistentvolumeclaims", "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
MERGE = "application/merge-patch+json"


def claim(name="c", size="1Gi", **spec):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}} | spec
    return {"metadata": {"name": name}, "spec": spec}


def sc(name, *, default=True, **fields):
    notes = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {"metadata": {"name": name, "annotations": notes}, "provisioner": "p.io/disk", **fields}


async def bound(api, name="c", **spec):
    """A claim as its controller would have left it."""
    await api.make(CLAIMS, claim(name, **spec))
    status = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
    assert (await api.patch(f"{CLAIMS}/{name}/status", status)).status == 200


async def grow(api, size, name="c"):
    change = {"spec": {"resources": {"requests": {"storage": size}}}}
    return await api.patch(f"{CLAIMS}/{name}", change, content_type=MERGE)


async def test_a_claim_that_names_no_class_gets_the_default_one(api):
    early = await api.make(CLAIMS, claim("early"))
    assert "storageClassName" not in early["spec"]
    await api.make(CLASSES, sc("usual"))
    await api.make(CLASSES, sc("other", default=False))
    assert (await api.make(CLAIMS, claim("silent")))["spec"]["storageClassName"] == "usual"
    assert (await api.make(CLAIMS, claim("none", storageClassName="")))["spec"]["storageClassName"] == ""
    assert (await api.make(CLAIMS, claim("own", storageClassName="other")))["spec"][
        "storageClassName"
    ] == "other"
    old = claim("old")
    old["metadata"]["annotations"] = {"volume.beta.kubernetes.io/storage-class": "other"}
    assert "storageClassName" not in (await api.make(CLAIMS, old))["spec"]


async def test_claims_and_volumes_are_protected_from_their_first_second(api):
    made = await api.make(
        CLAIMS, claim(finalizers=[]) | {"metadata": {"name": "c", "finalizers": ["a.io/b"]}}
    )
    assert made["metadata"]["finalizers"] == ["a.io/b", "kubernetes.io/pvc-protection"]
    assert made["status"] == {"phase": "Pending"}
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
    volume = await api.make(VOLUMES, {"metadata": {"name": "v"}, "spec": spec})
    assert volume["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    assert volume["status"] == {"phase": "Pending", "lastPhaseTransitionTime": "2023-11-14T22:13:20Z"}
    gone = await api.delete(f"{CLAIMS}/c")
    assert gone.json["metadata"]["deletionTimestamp"]


async def test_the_status_of_claims_and_volumes_is_written_by_itself(api):
    """Row: PV and PVC status subresources: read phase, patch and update reason, message and conditions."""
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
    await api.make(VOLUMES, {"metadata": {"name": "v"}, "spec": spec})
    url = f"{VOLUMES}/v/status"
    assert (await api.get(url)).json["status"]["phase"] == "Pending"
    told = {"message": "patched", "reason": "row"}
    patched = await api.patch(
        url, {"status": told, "spec": {"capacity": {"storage": "9Gi"}}}, content_type=MERGE
    )
    assert patched.json["status"] == told | {
        "phase": "Pending",
        "lastPhaseTransitionTime": "2023-11-14T22:13:20Z",
    }
    assert patched.json["spec"]["capacity"] == {"storage": "1Gi"}
    body = patched.json
    body["status"] |= {"message": "updated"}
    assert (await api.put(url, body)).json["status"]["message"] == "updated"
    await api.make(CLAIMS, claim())
    condition = {"type": "Resizing", "status": "True", "reason": "row", "message": "patched"}
    patched = await api.patch(
        f"{CLAIMS}/c/status", {"status": {"conditions": [condition]}}, content_type=MERGE
    )
    assert patched.json["status"] == {"phase": "Pending", "conditions": [condition]}
    body = patched.json
    body["status"]["conditions"][0]["message"] = "updated"
    updated = (await api.put(f"{CLAIMS}/c/status", body)).json
    assert updated["status"]["conditions"][0]["message"] == "updated"
    assert (await api.get(f"{CLAIMS}/c/status")).json == updated


async def test_the_status_of_an_attachment_is_written_by_itself(api):
    """Row: VolumeAttachment status: read, patch attached true, update attached false."""
    spec = {"attacher": "d.io", "nodeName": "n", "source": {"persistentVolumeName": "v"}}
    url = "/apis/storage.k8s.io/v1/volumeattachments"
    await api.make(url, {"metadata": {"name": "a"}, "spec": spec, "status": {"attached": True}})
    assert (await api.get(f"{url}/a/status")).json.get("status", {}).get("attached", False) is False
    patched = await api.patch(f"{url}/a/status", {"status": {"attached": True}}, content_type=MERGE)
    assert patched.json["status"] == {"attached": True}
    body = patched.json
    body["status"]["attached"] = False
    body["spec"]["nodeName"] = "other"
    updated = (await api.put(f"{url}/a/status", body)).json
    assert (updated["status"], updated["spec"]) == ({"attached": False}, spec)
    assert (await api.get(f"{url}/a")).json == updated


async def test_a_data_source_is_told_in_both_fields(api):
    source = {"kind": "PersistentVolumeClaim", "name": "origin"}
    made = await api.make(CLAIMS, claim("a", dataSource=source))
    assert made["spec"]["dataSourceRef"] == source
    made = await api.make(CLAIMS, claim("b", dataSourceRef=source))
    assert made["spec"]["dataSource"] == source


async def test_a_claim_grows_only_if_it_is_bound_and_its_class_lets_it(api):
    await api.make(CLASSES, sc("fixed"))
    await api.make(CLASSES, sc("elastic", default=False, allowVolumeExpansion=True))
    await bound(api, "fixed")
    refused = await grow(api, "2Gi", "fixed")
    assert (refused.status, refused.message) == (
        403,
        'persistentvolumeclaims "fixed" is forbidden: only dynamically provisioned pvc can be resized and the '
        "storageclass that provisions the pvc must support resize",
    )
    await bound(api, "elastic", storageClassName="elastic")
    assert (await grow(api, "2Gi", "elastic")).status == 200
    assert (await grow(api, "1500Mi", "elastic")).status == 200  # not granted yet, so it may be taken back
    assert (await grow(api, "1Gi", "elastic")).status == 422
