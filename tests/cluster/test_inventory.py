# SPDX-License-Identifier: Apache-2.0
"""What the agent of the cluster install remembers in its ConfigMaps is forgotten when nothing needs it any more."""
import datetime
import re

import pytest

from agentbed import SYSTEM, documents_path, value
from processes import wait_for
from test_fanout import allow, copied, gone, put, run, with_map

CONFIG_MAPS = f"/api/v1/namespaces/{SYSTEM}/configmaps"
SETTLE = ("--settle", 0)


def shard(namespace, name):
    """Of a Secret: the hash by which every agent finds it."""
    h = 2166136261
    for byte in f"{namespace}/{name}".encode():
        h = (h ^ byte) * 16777619 & 0xffffffff
    return (h ^ h >> 16) % 16


def shards(bed):
    """{number: lines} of those that are there."""
    found = {}
    for thing in bed.api.list(CONFIG_MAPS):
        if number := re.fullmatch(r"bulla-inventory-(\d+)", thing["metadata"]["name"]):
            found[int(number.group(1))] = (thing.get("data") or {}).get("secrets", "").splitlines()[1:]
    return found


def lines(bed, word):
    """{NAMESPACE/NAME} of the lines that begin with this word."""
    return {line.split()[1] for of_shard in shards(bed).values() for line in of_shard if line.startswith(f"{word} ")}


def write(bed, number, of_shard):
    text = "".join(f"{line}\n" for line in ["bulla-inventory 1", *of_shard])
    bed.api.patch(f"{CONFIG_MAPS}/bulla-inventory-{number}", {"data": {"secrets": text}})


def long_ago():
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(bed):
    """Whatever went, went an hour ago.  No agent may be running."""
    for number, of_shard in shards(bed).items():
        write(bed, number, [re.sub(r"^(gone \S+) .*", rf"\1 {long_ago()}", line) for line in of_shard])


def test_what_went_long_ago_is_forgotten(bed):
    ns = bed.namespace()
    names = [f"d{i:02}" for i in range(30)]
    with bed.run(*SETTLE):
        bed.put_many(names, ns)
        bed.all_ready(ns)
        for name in names[:9]:
            bed.api.delete(documents_path(ns, name))
        wait_for(lambda: lines(bed, "gone") == {f"{ns}/{name}" for name in names[:9]}, 30, "nine removals")
    age(bed)
    kept = {f"{ns}/{name}" for name in names[9:]}
    full = max(shards(bed), key=lambda n: len(shards(bed)[n]))
    many = [f"gone {ns}/{name} {long_ago()}" for i in range(40000) if shard(ns, name := f"old-{i:05}") == full]
    assert len(many) > 2000
    write(bed, full, sorted(shards(bed)[full] + many, key=lambda line: line.split()[1].split("/")))
    with bed.run(*SETTLE):
        wait_for(lambda: not lines(bed, "gone"), 30, "nothing of what is gone")
        assert lines(bed, "made") == kept
        assert len(bed.secrets(ns)) == 21
        # and what goes now is remembered again
        bed.api.delete(documents_path(ns, names[9]))
        wait_for(lambda: lines(bed, "gone") == {f"{ns}/{names[9]}"}, 30, "one removal")
        assert lines(bed, "made") == kept - {f"{ns}/{names[9]}"}


@pytest.fixture
def faulty_fans(new_bed, new_fault_proxy):
    return with_map(new_bed(proxy=new_fault_proxy()))


def test_what_went_is_remembered_while_copies_of_it_are_there(faulty_fans):
    """However long ago it went: without that nobody would know that the copies are meant to go."""
    bed = faulty_fans
    source, one, two = (bed.namespace() for _ in range(3))
    allow(bed, source, one, two)
    stuck = bed.proxy.on("DELETE", f"/namespaces/{one}/secrets/login$").answer(500)
    with run(bed):
        put(bed, "login", source, one, two)
        bed.put("other", {"v": value()}, source)
        for target in (one, two):
            copied(bed, "login", source, target)
        bed.ready("other", source)
        for name in ("login", "other"):
            bed.api.delete(documents_path(source, name))
        gone(bed, "login", two)
        stuck.wait(1, 20)
        wait_for(lambda: (lines(bed, "gone"), lines(bed, "made")) == ({f"{source}/login", f"{source}/other"}, {f"{one}/login"}),
                 20, "what is left")
    age(bed)
    with run(bed):
        wait_for(lambda: lines(bed, "gone") == {f"{source}/login"}, 20, "the other forgotten")
        stuck.wait(2, 20)
        assert lines(bed, "made") == {f"{one}/login"} and bed.secret("login", one)
    bed.proxy.clear()
    with run(bed):
        gone(bed, "login", one)
        wait_for(lambda: not lines(bed, "made"), 20, "the copy forgotten")
    with run(bed):
        wait_for(lambda: not lines(bed, "gone"), 20, "nothing of what is gone")
