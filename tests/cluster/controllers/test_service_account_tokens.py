"""Token Secrets and the cluster's certificates in every namespace.

Rows: conformance v1.24 and since, test/e2e/auth/service_accounts.go.
"""

import base64

from controllers_world import ControllersWorld

from podling.api.types import authentication_v1, core_v1, meta_v1
from podling.controllers.serviceaccounttoken import ACCOUNT, ACCOUNT_UID, TYPE
from podling.testing.virtualtime import virtual

SECRET, ACCOUNTS, CONFIG_MAP = core_v1.Secret, core_v1.ServiceAccount, core_v1.ConfigMap


async def token_secret(world, name="mine-token", account="mine", **data):
    return await world.create(SECRET, name, annotations={ACCOUNT: account}, type=TYPE, **data)


async def review(world, token):
    asked = authentication_v1.TokenReview(spec=authentication_v1.TokenReviewSpec(token=token))
    return (await world.client.resource(authentication_v1.TokenReview).create(asked)).status


def text(secret, key):
    return base64.b64decode(secret.data[key]).decode()


@virtual
async def test_a_token_secret_is_filled_for_its_account_and_dies_with_it(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        account = await world.create(ACCOUNTS, "mine")
        await token_secret(world)
        await world.idle()
        secret = await world.get(SECRET, "mine-token")
        assert sorted(secret.data) == ["ca.crt", "namespace", "token"]
        assert (text(secret, "ca.crt"), text(secret, "namespace")) == ("CA", "default")
        assert secret.metadata.annotations[ACCOUNT_UID] == account.metadata.uid
        token = text(secret, "token")
        found = await review(world, token)
        assert found.authenticated
        assert found.user.username == "system:serviceaccount:default:mine"
        await world.delete(ACCOUNTS, "mine")
        await world.idle()
        assert await world.exists(SECRET, "mine-token") is None
        assert not (await review(world, token)).authenticated
        assert world.controllers.statistics()["serviceaccount-token-controller"].last_error == ""


@virtual
async def test_a_token_is_worth_nothing_once_its_secret_is_gone_and_the_account_forgets_it(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(ACCOUNTS, "mine", secrets=[{"name": "mine-token"}, {"name": "other"}])
        await token_secret(world)
        await world.idle()
        token = text(await world.get(SECRET, "mine-token"), "token")
        await world.delete(SECRET, "mine-token")
        await world.idle()
        assert not (await review(world, token)).authenticated
        assert [each.name for each in (await world.get(ACCOUNTS, "mine")).secrets] == ["other"]


@virtual
async def test_a_token_secret_for_nobody_goes_and_one_for_another_of_the_name_too(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(ACCOUNTS, "mine")
        await token_secret(world, "lonely", account="nobody")
        stale = {ACCOUNT: "mine", ACCOUNT_UID: "another"}
        await world.create(SECRET, "stale", annotations=stale, type=TYPE)
        await world.create(SECRET, "plain", annotations={ACCOUNT: "nobody"})
        await world.idle()
        names = [
            each.metadata.name
            for each in (await world.client.resource(SECRET).list(namespace="default")).items
        ]
        assert names == ["plain"]


@virtual
async def test_what_is_taken_out_of_a_token_secret_comes_back(tmp_path):
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        await world.create(ACCOUNTS, "mine")
        await token_secret(world)
        await world.idle()
        before = await world.get(SECRET, "mine-token")
        await world.patch(SECRET, "mine-token", {"data": {"ca.crt": "b2xk", "namespace": None}})
        await world.idle()
        assert (await world.get(SECRET, "mine-token")).data == before.data
        await world.patch(SECRET, "mine-token", {"data": {"token": None}})
        await world.idle()
        assert (await review(world, text(await world.get(SECRET, "mine-token"), "token"))).authenticated


@virtual
async def test_every_namespace_has_the_clusters_certificates_whatever_is_done_to_them(tmp_path):
    """Row: maintain kube-root-ca.crt in each namespace: create, recreate after deletion, repair after edits."""
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        namespace = core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="team"))
        await world.client.resource(core_v1.Namespace).create(namespace)
        maps = world.client.resource(CONFIG_MAP)
        await world.idle()
        first = await maps.get("kube-root-ca.crt", namespace="team")
        assert first.data == {"ca.crt": "CA"}
        await maps.delete("kube-root-ca.crt", namespace="team")
        await world.idle()
        again = await maps.get("kube-root-ca.crt", namespace="team")
        assert (again.data, again.metadata.uid != first.metadata.uid) == ({"ca.crt": "CA"}, True)
        await maps.patch("kube-root-ca.crt", {"data": {"ca.crt": "forged", "more": "x"}}, namespace="team")
        await world.idle()
        assert (await maps.get("kube-root-ca.crt", namespace="team")).data == {"ca.crt": "CA"}


@virtual
async def test_an_account_can_be_replaced_and_the_default_one_comes_back(tmp_path):
    """Rows: lifecycle of a ServiceAccount; replace (PUT) one and see the changed field."""
    async with ControllersWorld(tmp_path, with_agent=False) as world:
        accounts = world.client.resource(ACCOUNTS)
        read = await world.create(ACCOUNTS, "mine", labels={"team": "x"}, automountServiceAccountToken=False)
        read.automount_service_account_token = True
        assert (await accounts.update(read)).automount_service_account_token
        listed = (await accounts.list(label_selector="team=x")).items
        assert [each.metadata.name for each in listed] == ["mine"]
        await accounts.delete_collection(namespace="default", label_selector="team=x")
        await world.delete(ACCOUNTS, "default")
        await world.idle()
        names = [each.metadata.name for each in (await accounts.list(namespace="default")).items]
        assert names == ["default"]
