"""kubectl's files are read as kubectl reads them, and nothing is lost when ours is written in or taken out."""

import base64
import os
import stat
import threading

import pytest
import yaml

from podling.client import ConfigFault
from podling.client import kubeconfig_edit as edit
from podling.client.kubeconfig import Paths, load, search_paths

OTHERS = """\
# the work cluster
apiVersion: v1
kind: Config
clusters:
- name: work
  cluster: {server: "https://work:6443", certificate-authority: certs/ca.pem}
contexts:
- name: work
  context: {cluster: work, user: me, namespace: team}
users:
- name: me
  user:
    token: secret
    extensions: [{name: x, extension: {keep: me}}]
current-context: work
preferences: {colors: true}
extensions:
- name: tool
  extension: {a: 1}
"""

ENTRY = edit.Entry(name="podling", server="https://127.0.0.1:6443", ca=b"CA", certificate=b"CERT", key=b"KEY")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config"
    path.write_text(OTHERS)
    return path


def document(path):
    return yaml.safe_load(path.read_text())


def test_files_are_the_named_one_else_the_environments_else_the_homes(tmp_path):
    assert search_paths({}, tmp_path).files == (tmp_path / ".kube" / "config",)
    listed = search_paths({"KUBECONFIG": "/a::/b:/a"}, tmp_path)
    assert [str(path) for path in listed.files] == ["/a", "/b"]
    assert search_paths({"KUBECONFIG": "/a"}, tmp_path, explicit=tmp_path / "x").explicit


def test_a_merged_context_can_be_used_at_once(file):
    edit.merge(ENTRY, paths=Paths((file,)), switch=True)
    access = load(Paths((file,)))
    assert access.context == "podling"
    assert (access.address.url, access.address.ca) == ("https://127.0.0.1:6443", b"CA")
    assert (access.address.certificate, access.address.key) == (b"CERT", b"KEY")
    assert access.namespace == "default"


def test_nothing_that_was_there_is_lost(file):
    before = document(file)
    edit.merge(ENTRY, paths=Paths((file,)), switch=False)
    after = document(file)
    for section in ("clusters", "contexts", "users"):
        assert after[section][:-1] == before[section]
        assert after[section][-1]["name"] == "podling"
        after[section].pop()
    assert after == before


def test_merge_and_remove_together_change_nothing(file):
    before = document(file)
    edit.merge(ENTRY, paths=Paths((file,)), switch=False)
    assert edit.remove("podling", paths=Paths((file,)), ca=b"CA") == (file,)
    assert document(file) == before
    assert edit.remove("podling", paths=Paths((file,)), ca=b"CA") == ()


def test_removing_the_current_context_leaves_none(file):
    edit.merge(ENTRY, paths=Paths((file,)), switch=True)
    edit.remove("podling", paths=Paths((file,)), ca=b"CA")
    assert document(file)["current-context"] == ""


def test_a_namesake_of_another_authority_is_left_alone(file):
    edit.merge(ENTRY, paths=Paths((file,)), switch=True)
    before = document(file)
    assert edit.remove("podling", paths=Paths((file,)), ca=b"another") == ()
    assert document(file) == before


def test_merging_again_replaces_and_does_not_pile_up(file):
    edit.merge(ENTRY, paths=Paths((file,)), switch=True)
    moved = edit.Entry(name="podling", server="https://127.0.0.1:7443", ca=b"CA2", token="t")
    edit.merge(moved, paths=Paths((file,)), switch=True)
    assert [cluster["name"] for cluster in document(file)["clusters"]] == ["work", "podling"]
    address = load(Paths((file,))).address
    assert (address.url, address.ca, address.token, address.certificate) == (
        "https://127.0.0.1:7443",
        b"CA2",
        "t",
        b"",
    )


def test_a_new_file_and_its_folder_are_made_for_the_owner_only(tmp_path):
    path = tmp_path / ".kube" / "config"
    assert edit.merge(ENTRY, paths=Paths((path,)), switch=True) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load(Paths((path,))).context == "podling"
    assert os.listdir(path.parent) == ["config"]


def test_an_open_file_is_closed_to_others(file):
    file.chmod(0o644)
    edit.merge(ENTRY, paths=Paths((file,)), switch=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_stays_a_link(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    edit.merge(ENTRY, paths=Paths((link,)), switch=True)
    assert link.is_symlink()
    assert document(file)["current-context"] == "podling"


def test_of_several_files_the_first_that_says_something_wins(file, tmp_path):
    second = tmp_path / "second"
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ca.pem").touch()
    edit.merge(edit.Entry(name="work", server="https://other", ca=b""), paths=Paths((second,)), switch=True)
    access = load(Paths((tmp_path / "missing", file, second)), context="work")
    assert access.namespace == "team"


def test_new_entries_go_to_the_first_file_that_exists_and_old_ones_stay_where_they_are(file, tmp_path):
    missing, second = tmp_path / "missing", tmp_path / "second"
    edit.merge(ENTRY, paths=Paths((second,)), switch=False)
    paths = Paths((missing, file, second))
    moved = edit.Entry(name="podling", server="https://127.0.0.1:7443", ca=b"CA")
    assert edit.merge(moved, paths=paths, switch=True) == second
    assert not missing.exists()
    assert document(file)["current-context"] == "podling"
    assert [cluster["name"] for cluster in document(file)["clusters"]] == ["work"]
    assert load(paths).address.url == "https://127.0.0.1:7443"


def test_with_no_file_at_all_the_last_one_listed_is_made(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert edit.merge(ENTRY, paths=Paths((one, two)), switch=True) == two


def test_paths_are_meant_from_the_file_they_stand_in(file):
    (file.parent / "certs").mkdir()
    (file.parent / "certs" / "ca.pem").write_bytes(b"PEM")
    access = load(Paths((file,)))
    assert access.address.ca == b"PEM"
    assert (access.address.token, access.namespace) == ("secret", "team")


def test_a_stand_alone_file_has_our_context_only(tmp_path):
    path = tmp_path / "admin.kubeconfig"
    path.write_bytes(edit.render(ENTRY))
    assert load(Paths((path,), explicit=True)).context == "podling"
    assert document(path)["users"][0]["user"]["client-key-data"] == base64.b64encode(b"KEY").decode()


def test_while_kubectl_writes_we_wait(file, monkeypatch):
    lock = file.with_name("config.lock")
    lock.touch()
    unlock = threading.Timer(0.05, lock.unlink)
    unlock.start()
    edit.merge(ENTRY, paths=Paths((file,)), switch=True)
    unlock.join()
    assert document(file)["current-context"] == "podling"
    assert not lock.exists()


def test_a_lock_that_stays_is_named(file, monkeypatch):
    monkeypatch.setattr(edit, "LOCK_SECONDS", 0.01)
    lock = file.with_name("config.lock")
    lock.touch()
    with pytest.raises(ConfigFault, match=r"another program holds .*config\.lock"):
        edit.merge(ENTRY, paths=Paths((file,)), switch=True)
    assert file.read_text() == OTHERS
    assert lock.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clusters: [", "while parsing"),
        ("just text", "it is no kubeconfig"),
        ("clusters: 7", "it is no kubeconfig"),
        ("current-context: gone", "context 'gone': it is not in"),
        ("{}", "no current context"),
        (
            "contexts: [{name: a, context: {cluster: c}}]\ncurrent-context: a",
            "names cluster 'c', which is not there",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_said_why_and_left_alone(tmp_path, text, words):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigFault, match=words):
        load(Paths((path,)))
    assert path.read_text() == text


def test_credentials_we_cannot_use_are_refused_by_name(file):
    broken = document(file)
    broken["users"][0]["user"] = {"exec": {"command": "aws"}}
    file.write_text(yaml.safe_dump(broken))
    with pytest.raises(ConfigFault, match="credential plugins are not supported"):
        load(Paths((file,)))


def test_an_explicit_file_must_exist(tmp_path):
    with pytest.raises(ConfigFault, match="there is no such file"):
        load(search_paths({}, tmp_path, explicit=tmp_path / "none"))
