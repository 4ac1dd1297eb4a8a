"""`docs/api-support.md` says what the generator says, and the table behind it tells the truth about the sources.

Truth is judged by names alone: who is said to honour a field must at least mention its attribute, in its own modules or in those of `api`
and `client` that these import; what is said to be kept may be used by no agent, scheduler or controller that also names a way to it.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "src" / "podling"
ACTORS = ("agent", "scheduler", "controllers")
LENDERS = ("api", "client")
READ = (*ACTORS, *LENDERS, "apiserver")
METHODS = {"items", "keys", "values"}
"""Fields that look like a dict's methods lead nowhere."""
"""Packages whose modules count as part of whoever imports them; so do single modules beside a controller."""
SHOWN = ("apiserver/tables/", "apiserver/defaults/", "apiserver/openapi/")
"""Modules of the API server that only fill in or show, and honour nothing."""

NAMESAKES = {
    "core_v1.Event": "everybody writes Events, nobody reads them",
    "events_v1.Event": "everybody writes Events, nobody reads them",
    "core_v1.PodSpec.resource_claims": "a static Pod with claims is refused, as by the kubelet",
    "core_v1.ResourceRequirements.claims": "the agent carries it over when a Pod is resized",
    "core_v1.VolumeResourceRequirements.limits": "containers have resources, too",
    "resource_v1.ResourceClaim.spec": "a static Pod with claims is refused, as by the kubelet",
}
"""Kept fields, by attribute, and records that an actor mentions all the same, and why that is not honouring them."""


def load(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


facts = load("api_support_facts")
prose = load("api_support_words")
generator = load("generate_api_support")


@dataclass(frozen=True)
class Module:
    """One module of the product: what it names and what it imports, as paths below the package without `.py`."""

    attributes: frozenset[str]
    words: frozenset[str]
    """Every name in it: attributes, keywords, plain names and text constants."""
    imports: frozenset[str]


@functools.cache
def modules() -> Mapping[str, Module]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix().removesuffix(".py").removesuffix("/__init__")
        if name.partition("/")[0] in READ and not name.startswith("api/types"):
            found[name] = read(name, path.read_text(), is_package=path.name == "__init__.py")
    return found


def read(name: str, text: str, *, is_package: bool = False) -> Module:
    attributes, words, imports = set(), set(), set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(attr=attribute):
                attributes.add(attribute)
            case ast.keyword(arg=str(word)) | ast.Name(id=word) | ast.Constant(value=str(word)):
                words.add(word)
            case ast.MatchClass(kwd_attrs=given):
                attributes.update(given)
            case ast.Import(names=names):
                imports.update(alias.name.removeprefix("podling.").replace(".", "/") for alias in names)
            case ast.ImportFrom():
                imports.update(imported(name, node, is_package=is_package))
    return Module(frozenset(attributes), frozenset(words | attributes), frozenset(imports))


def imported(name: str, node: ast.ImportFrom, *, is_package: bool) -> Iterator[str]:
    """The modules that a `from ... import` may mean: the one named, and each name as a module in it."""
    if node.level:
        parts = name.split("/")
        start = parts[: len(parts) - node.level + is_package]
    elif (node.module or "").startswith("podling"):
        start = []
    else:
        return
    below = [part for part in (node.module or "").split(".") if part not in ("", "podling")]
    base = "/".join([*start, *below])
    yield base
    yield from (f"{base}/{alias.name}" for alias in node.names)


@functools.cache
def spoken_by(part: str) -> frozenset[str]:
    """All words of a part and of what it borrows."""
    root = facts.PARTS[part]
    waiting = [name for name in modules() if name == root or name.startswith(f"{root}/")]
    waiting = [name for name in waiting if not name.startswith(SHOWN)]
    seen: set[str] = set()
    words: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in modules():
            continue
        seen.add(name)
        words |= modules()[name].words
        waiting += [other for other in modules()[name].imports if is_lent(other, root)]
    return frozenset(words)


def is_lent(name: str, borrower: str) -> bool:
    top, _, rest = name.partition("/")
    return top in LENDERS or (
        top == "controllers" == borrower.partition("/")[0] and rest != "" and "/" not in rest
    )


def honoured() -> Iterator[tuple[str, str, str]]:
    """Record, field and part of every claim that the page makes."""
    for record in shown():
        for one in generator.fields_of(generator.record_of(record)):
            for part in generator.fact(record, one.name).parts:
                yield record, one.name, part


def shown() -> set[str]:
    """The records that the page takes apart."""
    return set(generator.doors()) | {family.record.name for family in generator.families()}


def unfounded(claims: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    for record, name, part in claims:
        attribute = generator.record_of(record).fields[name].attribute
        if not {attribute, name} & spoken_by(part):
            yield f"{part} is said to honour {record}.{name} and never mentions it"


def listed() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Record and field of all that the page says is kept, with names by which one comes there."""
    seen = set()
    waiting = [(family.record, names_of(family)) for family in generator.families()]
    while waiting:
        record, ways = waiting.pop()
        for one in generator.fields_of(record):
            found = generator.fact(record.name, one.name)
            below = generator.leads_on(one, found)
            if not found.parts and not found.refusal:
                yield record.name, one.attribute, ways
            if below is not None and (below.name, one.attribute) not in seen:
                seen.add((below.name, one.attribute))
                way = ways if one.name in ("spec", "template") else frozenset({one.attribute} - METHODS)
                waiting.append((below, way | {below.name.partition(".")[2]}))


def names_of(family) -> frozenset[str]:
    """What a module that reads objects of a kind says: the type, the row, the resource."""
    rows = {name for name, row in vars(generator.kinds).items() if row in family.rows}
    return frozenset({family.row.kind, family.row.plural, *rows})


def used_after_all(kept: Iterator[tuple[str, str, frozenset[str]]]) -> Iterator[str]:
    actors = {name: module for name, module in modules().items() if name.partition("/")[0] in ACTORS}
    for record, attribute, ways in kept:
        for name, module in actors.items():
            if attribute in module.attributes and ways & module.words:
                yield f"{record}.{attribute} is said to be kept, and {name} uses it"


def test_the_page_is_what_the_generator_writes():
    assert generator.TARGET.read_text() == generator.document(), (
        "docs/api-support.md is behind the code: run 'make api-support'"
    )


def test_the_page_can_be_read():
    assert len(generator.document().splitlines()) < 3000


def test_every_kind_has_a_section():
    text = generator.document()
    assert not [row for row in generator.kinds.ALL if f"### {row.kind} ({row.resource})" not in text]


def test_the_table_speaks_of_fields_and_parts_that_there_are():
    for record, parts in facts.HONOURED.items():
        assert parts.keys() <= facts.PARTS.keys(), record
        if record.endswith(".*"):
            continue
        known = generator.record_of(record).fields
        named = {name for names in parts.values() if names != "*" for name in names.split()}
        assert named <= known.keys(), record
    for table in (facts.REFUSED, prose.NOTES):
        for record, entries in table.items():
            assert {name for names in entries for name in names.split()} <= generator.record_of(
                record
            ).fields.keys(), record


def test_parts_are_packages_and_modules_that_there_are():
    missing = [root for root in facts.PARTS.values() if root not in modules()]
    assert not missing


def test_the_table_says_nothing_that_the_page_does_not_show():
    modules_shown = {f"{record.partition('.')[0]}.*" for record in shown()}
    assert not facts.HONOURED.keys() - shown() - modules_shown
    assert not prose.STATUS.keys() - {family.row.kind for family in generator.families()}


def test_who_honours_a_field_mentions_it():
    assert not [*unfounded(honoured())]


def test_what_is_kept_is_used_by_nobody():
    kept = (one for one in listed() if not {one[0], f"{one[0]}.{one[1]}"} & NAMESAKES.keys())
    assert not [*used_after_all(kept)]


def test_namesakes_are_still_needed():
    needed = {line.partition(" ")[0] for line in used_after_all(listed())}
    assert not [name for name in NAMESAKES if not any(one.startswith(name) for one in needed)]


def test_refusals_are_worded_as_the_table_says():
    for record, entries in facts.REFUSED.items():
        for part, words in entries.values():
            root = facts.PARTS[part]
            texts = (
                word
                for name, module in modules().items()
                if name.startswith((f"{root}/", "api/"))
                for word in module.words
            )
            assert any(words in text for text in texts), (record, words)


def test_gaps_stand_only_as_long_as_their_fields_are_kept():
    for sentence, named in prose.GAPS:
        for record, _, names in (one.partition(": ") for one in named.split("; ") if one):
            for name in names.split():
                assert name in generator.record_of(record.strip()).fields
                assert not generator.fact(record.strip(), name).parts, (sentence, name)


@pytest.mark.parametrize(
    ("claim", "is_true"),
    [
        (("core_v1.PodSpec", "nodeSelector", "scheduler"), True),
        (("core_v1.PodSpec", "topologySpreadConstraints", "agent"), False),
        (("core_v1.ServiceSpec", "sessionAffinity", "endpointslice"), False),
        (("batch_v1.JobSpec", "backoffLimit", "cronjob"), False),
    ],
)
def test_the_law_finds_claims_without_ground(claim, is_true):
    assert ([*unfounded(iter([claim]))] == []) is is_true


def test_the_law_finds_use_of_what_is_said_to_be_kept():
    claims = [("core_v1.PodSpec", "host_aliases", frozenset({"Pod"}))]
    assert [*used_after_all(iter(claims))] == [
        "core_v1.PodSpec.host_aliases is said to be kept, and agent/podspec/names uses it"
    ]


@pytest.mark.parametrize(
    ("text", "is_package", "imports"),
    [
        ("from podling.api import pod", False, {"api", "api/pod"}),
        ("from . import decide", False, {"controllers/job", "controllers/job/decide"}),
        ("from . import decide", True, {"controllers/job/view", "controllers/job/view/decide"}),
        ("from ..ranking import Rank", False, {"controllers/ranking", "controllers/ranking/Rank"}),
        ("import podling.api.cron", False, {"api/cron"}),
        ("from json import dumps", False, set()),
    ],
)
def test_imports_are_followed(text, is_package, imports):
    assert read("controllers/job/view", text, is_package=is_package).imports == imports
