"""Bad input is refused with a Status: code, reason and the path of every faulty field, worded as Kubernetes words it."""

from __future__ import annotations

import pytest

PODS = "/api/v1/namespaces/default/pods"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = f"{RBAC}/namespaces/default/roles"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def container(**more):
    return {"name": "main", "image": "busybox", **more}


CONTAINERS = {
    "image": ({"image": ""}, "image: Required value"),
    "name": ({"name": "A"}, f'name: Invalid value: "A": {LABEL}'),
    "port": (
        {"ports": [{"containerPort": 70000}]},
        "ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
    ),
    "protocol": (
        {"ports": [{"containerPort": 1, "protocol": "X"}]},
        'ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
    ),
    "pull policy": (
        {"imagePullPolicy": "Maybe"},
        'imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"',
    ),
    "mount": ({"volumeMounts": [{"name": "x", "mountPath": "/x"}]}, 'volumeMounts[0].name: Not found: "x"'),
    "request": (
        {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
        'resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ),
    "probe": ({"livenessProbe": {}}, "livenessProbe: Required value: must specify a handler type"),
    "variable": ({"env": [{"value": "x"}]}, "env[0].name: Required value"),
}


@pytest.mark.parametrize("case", CONTAINERS)
async def test_a_containers_fault_is_named_with_its_path(api, case):
    change, fault = CONTAINERS[case]
    pod = {"metadata": {"name": "web"}, "spec": {"containers": [container(**change)]}}
    answer = await api.post(PODS, pod)
    assert (answer.status, answer.json["reason"]) == (422, "Invalid")
    assert answer.message == f'Pod "web" is invalid: spec.containers[0].{fault}'
    [cause] = answer.json["details"]["causes"]
    path, _, message = fault.partition(": ")
    assert (cause["field"], cause["message"]) == (f"spec.containers[0].{path}", message)
    assert (answer.json["details"]["name"], answer.json["details"]["kind"]) == ("web", "Pod")


async def test_every_fault_is_told_at_once(api):
    pod = {
        "metadata": {"name": "web", "labels": {"a b": "c"}},
        "spec": {
            "containers": [container(), container(image="")],
            "restartPolicy": "Sometimes",
            "tolerations": [{"key": "k", "operator": "Exists", "value": "v"}],
        },
    }
    answer = await api.post(PODS, pod)
    assert {cause["field"] for cause in answer.json["details"]["causes"]} == {
        "metadata.labels",
        "spec.containers[1].name",
        "spec.containers[1].image",
        "spec.restartPolicy",
        "spec.tolerations[0].operator",
    }


TYPES = {
    "text for a number": (
        container(ports=[{"containerPort": "80"}]),
        "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
    ),
    "a number for text": (
        container(image=5),
        "json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string",
    ),
    "a quantity": (
        container(resources={"limits": {"cpu": "abc"}}),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
}


@pytest.mark.parametrize("case", TYPES)
async def test_values_of_the_wrong_type_are_400(api, case):
    given, why = TYPES[case]
    answer = await api.post(PODS, {"metadata": {"name": "web"}, "spec": {"containers": [given]}})
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.message == f'Pod in version "v1" cannot be handled as a Pod: {why}'


@pytest.mark.parametrize(
    "body", [b"null", b"[1]", b'"x"', b"{", b'{"a":' * 3000, b'{"metadata":{"name":"\xff"}}']
)
async def test_what_is_no_object_is_400(api, body):
    answer = await api.post(PODS, body)
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.message.startswith(
        "the object provided is unrecognized (must be of type Pod): couldn't get"
    )


async def test_a_yaml_error_names_its_line(api):
    answer = await api.call("POST", PODS, b"kind: Pod\nspec:\n\tx: 1\n", content_type="application/yaml")
    assert answer.status == 400
    assert "line 3" in answer.message


QUERIES = {
    "limit=x": (400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    "resourceVersion=abc": (
        400,
        'invalid resource version: strconv.ParseUint: parsing "abc": invalid syntax',
    ),
    "fieldSelector=spec.foo=1": (400, "field label not supported: spec.foo"),
    "labelSelector=a in (": (400, "unable to parse requirement: found '', expected: ',', ')' or identifier"),
    "resourceVersionMatch=Exact": (
        422,
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden '
        "unless resourceVersion is provided",
    ),
}


@pytest.mark.parametrize("query", QUERIES)
async def test_parameters_that_make_no_sense(api, query):
    name, _, value = query.partition("=")
    answer = await api.get(PODS, **{name: value})
    assert (answer.status, answer.message) == QUERIES[query]


async def test_a_negative_limit_is_none(api, pod):
    await api.make(PODS, pod("one"))
    answer = await api.get(PODS, limit="-1")
    assert len(answer.json["items"]) == 1
    assert "continue" not in answer.json["metadata"]


async def test_a_body_with_another_name_than_the_paths_is_400(api, pod):
    answer = await api.put(f"{PODS}/other", pod("web"))
    assert (answer.status, answer.message) == (
        400,
        "the name of the object (web) does not match the name on the URL (other)",
    )


async def test_a_role_must_say_what_it_allows(api):
    answer = await api.post(
        ROLES, {"metadata": {"name": "r"}, "rules": [{}, {"verbs": ["get"], "nonResourceURLs": ["/x"]}]}
    )
    assert answer.status == 422
    assert {cause["field"]: cause["message"] for cause in answer.json["details"]["causes"]} == {
        "rules[0].verbs": "Required value: verbs must contain at least one value",
        "rules[0].apiGroups": "Required value: resource rules must supply at least one api group",
        "rules[0].resources": "Required value: resource rules must supply at least one resource",
        "rules[1].nonResourceURLs": 'Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    }
    cluster = {
        "metadata": {"name": "r"},
        "aggregationRule": {},
        "rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}],
    }
    answer = await api.post(f"{RBAC}/clusterroles", cluster)
    assert answer.message == (
        'ClusterRole.rbac.authorization.k8s.io "r" is invalid: aggregationRule.clusterRoleSelectors: Required value: '
        "at least one clusterRoleSelector required if aggregationRule is non-nil"
    )


async def test_a_binding_must_name_a_role_and_subjects_and_keeps_its_role(api):
    subjects = [{"kind": "Robot", "name": "x"}, {"kind": "User", "name": "", "apiGroup": "apps"}]
    wrong = {"metadata": {"name": "b"}, "roleRef": {"kind": "Pod"}, "subjects": subjects}
    answer = await api.post(BINDINGS, wrong)
    assert [str(cause["field"]) for cause in answer.json["details"]["causes"]] == [
        "roleRef.kind",
        "roleRef.name",
        "subjects[0].kind",
        "subjects[1].name",
        "subjects[1].apiGroup",
    ]
    account = {"kind": "ServiceAccount", "name": "sa"}
    cluster = {
        "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [account],
    }
    answer = await api.post(f"{RBAC}/clusterrolebindings", cluster)
    assert answer.message.endswith("is invalid: subjects[0].namespace: Required value")
    made = await api.make(BINDINGS, cluster)
    made["roleRef"]["name"] = "edit"
    answer = await api.put(f"{BINDINGS}/b", made)
    assert answer.status == 422
    assert answer.message.endswith("cannot change roleRef")


def workload(**spec):
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container()]}}
    return {
        "metadata": {"name": "w"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


def causes(answer):
    assert answer.status == 422, answer.text
    return {cause["field"]: cause["message"] for cause in answer.json["details"]["causes"]}


@pytest.mark.parametrize("kind", ["deployments", "replicasets", "daemonsets", "statefulsets"])
async def test_a_controllers_selector_must_be_there_match_its_template_and_stay(api, kind):
    path = f"/apis/apps/v1/namespaces/default/{kind}"
    assert causes(await api.post(path, workload(selector={})))["spec.selector"] == "Required value"
    other = {"matchLabels": {"app": "other"}}
    assert causes(await api.post(path, workload(selector=other))) == {
        "spec.template.metadata.labels": (
            'Invalid value: {"app":"web"}: `selector` does not match template `labels`'
        )
    }
    made = await api.make(path, workload())
    made["spec"]["selector"] = {"matchLabels": {"app": "new"}}
    made["spec"]["template"]["metadata"]["labels"] = {"app": "new"}
    [[field, message]] = causes(await api.put(f"{path}/w", made)).items()
    expected = ("spec", "Forbidden") if kind == "statefulsets" else ("spec.selector", "Invalid value")
    assert (field, message.partition(":")[0]) == expected


async def test_a_template_is_judged_as_a_pod_is(api):
    path = "/apis/apps/v1/namespaces/default/deployments"
    bad = workload(replicas=-1, minReadySeconds=700)
    bad["spec"]["template"]["spec"] = {"containers": [container(image="")], "restartPolicy": "Never"}
    bad["spec"]["strategy"] = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": "0%"}}
    assert causes(await api.post(path, bad)) == {
        "spec.replicas": "Invalid value: -1: must be greater than or equal to 0",
        "spec.template.spec.containers[0].image": "Required value",
        "spec.template.spec.restartPolicy": 'Unsupported value: "Never": supported values: "Always"',
        "spec.strategy.rollingUpdate.maxUnavailable": "Invalid value: 0: may not be 0 when `maxSurge` is 0",
        "spec.progressDeadlineSeconds": "Invalid value: 600: must be greater than minReadySeconds",
    }


async def test_jobs_must_end_and_their_template_stays(api):
    path = "/apis/batch/v1/namespaces/default/jobs"
    template = {"spec": {"containers": [container()]}}
    endless = {"metadata": {"name": "j"}, "spec": {"template": template, "parallelism": -1}}
    assert causes(await api.post(path, endless)) == {
        "spec.parallelism": "Invalid value: -1: must be greater than or equal to 0",
        "spec.template.spec.restartPolicy": 'Required value: valid values: "OnFailure", "Never"',
    }
    template["spec"]["restartPolicy"] = "Never"
    made = await api.make(path, {"metadata": {"name": "j"}, "spec": {"template": template}})
    made["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    found = causes(await api.put(f"{path}/j", made))
    assert found["spec.template"].endswith("field is immutable")
    cron = {
        "metadata": {"name": "c"},
        "spec": {"schedule": "* * *", "jobTemplate": {"spec": {"template": {}}}},
    }
    assert causes(await api.post("/apis/batch/v1/namespaces/default/cronjobs", cron)) == {
        "spec.schedule": 'Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
        "spec.jobTemplate.spec.template.spec.containers": "Required value",
        "spec.jobTemplate.spec.template.spec.restartPolicy": 'Required value: valid values: "OnFailure", "Never"',
    }
