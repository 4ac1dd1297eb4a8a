"""Who may use an image that is here already, what is remembered of pulls, and what statuses call an image."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from podling.agent.imagepull import shown
from podling.agent.imagepull.access import EVERYONE, Record, is_granted, learned, recognised
from podling.agent.imagepull.credentials import SecretKey
from podling.agent.imagepull.records import PullRecords
from podling.runtime.interface import Image

REPOSITORY = "r.io/app"


def key(name: str, hash: str = "h1", uid: str = "") -> SecretKey:
    return SecretKey(uid=uid or f"uid-{name}", namespace="default", name=name, hash=hash)


def pulled_with(*secrets: SecretKey) -> Record:
    record: Record | None = None
    for secret in secrets:
        record = learned(record, "sha256:1", REPOSITORY, secret)
    assert record is not None
    return record


class TestAccess:
    @pytest.mark.parametrize(
        ("record", "secrets", "granted"),
        [
            (None, [], True),  # loaded by hand, or there from the start
            (Record(image_id="i"), [key("a")], False),  # its pull was cut off: nobody knows how it came
            (learned(None, "i", REPOSITORY, None), [], True),
            (pulled_with(key("a")), [], False),
            (pulled_with(key("a")), [key("b", "other")], False),
            (pulled_with(key("a")), [key("a")], True),
            (pulled_with(key("a")), [key("b")], True),  # the same credentials in another Secret
            (pulled_with(key("a")), [key("a", "changed")], True),  # the same Secret with new credentials
            (pulled_with(key("a")), [key("a", "changed", uid="made again")], False),
            (pulled_with(key("a"), key("b", "h2")), [key("c", "h2")], True),
        ],
    )
    def test_rule(self, record: Record | None, secrets: list[SecretKey], granted: bool):
        assert is_granted(record, REPOSITORY, secrets) is granted

    def test_another_repository_is_another_question(self):
        assert not is_granted(pulled_with(key("a")), "r.io/other", [key("a")])

    def test_a_pull_without_credentials_opens_it_for_all_and_it_stays_open(self):
        record = learned(pulled_with(key("a")), "sha256:1", REPOSITORY, None)
        assert record.by_repository == {REPOSITORY: EVERYONE}
        assert learned(record, "sha256:1", REPOSITORY, key("a")) == record

    def test_a_secret_is_remembered_once_with_its_newest_credentials(self):
        record = pulled_with(key("b"), key("a"), key("a", "new"))
        assert record.by_repository[REPOSITORY].secrets == (key("a", "new"), key("b"))

    def test_who_was_let_in_is_known_by_name_and_credentials_from_then_on(self):
        record = recognised(pulled_with(key("a")), REPOSITORY, [key("b"), key("stranger", "other")])
        assert record.by_repository[REPOSITORY].secrets == (key("a"), key("b"))
        assert is_granted(record, REPOSITORY, [key("b", "changed")])

    def test_what_is_remembered_is_bounded(self):
        record = pulled_with(key("a"))
        for number in range(300):
            record = recognised(record, REPOSITORY, [key(f"s{number}")])
        assert len(record.by_repository[REPOSITORY].secrets) == 100


def image(name: str, *, id: str = "sha256:1") -> Image:
    return Image(id=id, repo_tags=(name,), repo_digests=(), size=1)


class TestRecords:
    def records(self, folder: Path, *images: Image) -> PullRecords:
        made = PullRecords(folder)
        made.open(images)
        return made

    def test_survive_a_restart_and_go_with_their_image(self, tmp_path: Path):
        self.records(tmp_path).put(pulled_with(key("a")))
        again = self.records(tmp_path)
        assert again.get("sha256:1") == pulled_with(key("a"))
        again.prune(["sha256:1"], before=time.time() + 1)
        again.prune(
            ["sha256:2"], before=time.time() - 3600
        )  # written since somebody looked which are present
        assert again.get("sha256:1") is not None
        again.prune(["sha256:2"], before=time.time() + 1)
        assert again.get("sha256:1") is None

    def test_damaged_one_lets_nobody_in(self, tmp_path: Path):
        records = self.records(tmp_path)
        records.put(pulled_with(key("a")))
        [file] = (tmp_path / "pulled").iterdir()
        file.write_bytes(b"{")
        assert not is_granted(records.get("sha256:1"), REPOSITORY, [key("a")])

    def test_pull_that_was_cut_off_after_the_image_came_lets_nobody_in(self, tmp_path: Path):
        records = self.records(tmp_path)
        with records.pulling("r.io/app:1"), records.pulling("r.io/other:1"):
            again = self.records(tmp_path, image("r.io/app:1"), image("r.io/by-hand:1", id="sha256:2"))
            assert again.get("sha256:1") == Record(image_id="sha256:1")
            assert again.get("sha256:2") is None
        assert list((tmp_path / "pulling").iterdir()) == []

    def test_pull_that_ended_leaves_no_trace_of_its_beginning(self, tmp_path: Path):
        records = self.records(tmp_path)
        with records.pulling("r.io/app:1"):
            records.put(learned(None, "sha256:1", REPOSITORY, key("a")))
        again = self.records(tmp_path, image("r.io/app:1"))
        assert again.get("sha256:1") == pulled_with(key("a"))


DIGEST = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("tags", "digests", "wanted", "name", "content"),
    [
        (["docker.io/library/app:1"], [], "app:1", "docker.io/library/app:1", "sha256:1"),
        (["a.io/x:1", "b.io/x:2"], ["a.io/x" + DIGEST, "b.io/x" + DIGEST], "b.io/x:2", "b.io/x:2", "b.io/x" + DIGEST),
        (["b.io/x:2"], ["b.io/x" + DIGEST], "b.io/x" + DIGEST, "b.io/x:2", "b.io/x" + DIGEST),
        ([], ["b.io/x" + DIGEST], "b.io/x:moved", "b.io/x" + DIGEST, "b.io/x" + DIGEST),
        ([], [], "sha256:1", "sha256:1", "sha256:1"),
    ],
)  # fmt: skip
def test_status_names_an_image_in_full(
    tags: list[str], digests: list[str], wanted: str, name: str, content: str
):
    found = Image(id="sha256:1", repo_tags=tuple(tags), repo_digests=tuple(digests), size=1)
    assert (shown.name_of(found, wanted), shown.content_of(found, wanted)) == (name, content)
