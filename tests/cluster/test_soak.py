# SPDX-License-Identifier: Apache-2.0
"""`make soak`: its judgement on series that are known, and the whole of it for some seconds."""
import math
import random
import subprocess

import pytest

import kubelet
import need
import soak
from agentbed import BIN
from controlplane import TOP
from soak import KIB, Samples, Times, fit, judge

MIB = 1024 * KIB


def series(seconds=1800, every=10, seed=1, births=(0,), **shapes):
    """A process as it was seen: what is not given stands still.  A shape is a function of the time in seconds and of
    the time since the process began."""
    still = {"rss": 12 * MIB, "pss": 10 * MIB, "anon": 4 * MIB, "fds": 18, "threads": 1, "cpu": 0}
    samples, samples.seconds = (made := Samples()), seconds
    noise = random.Random(seed)
    for i in range(seconds // every):
        t = i * every
        born = max(b for b in births if b <= t)
        values = {**still, **{what: shape(t, t - born, noise) for what, shape in shapes.items()}}
        made.add("net", t, pid=born, **values)
    return made


# --- what is no leak -----------------------------------------------------------------------------------------------


def steps(t, age, noise):
    """As the agent's was seen: it finds its size in the first minutes, pages come and go by some tens of KiB."""
    return 4 * MIB + 1.5 * MIB * (1 - math.exp(-age / 100)) + noise.choice((-60, -20, 0, 0, 20, 60)) * KIB


STEADY = {
    "still": {},
    "finds_its_size": {"anon": steps, "rss": steps, "pss": steps},
    "waves": {"anon": lambda t, age, noise: 4 * MIB + 300 * KIB * math.sin(t / 90)},
    "shrinks": {"anon": lambda t, age, noise: 6 * MIB - 500 * t},
    "one_peak": {"rss": lambda t, age, noise: 12 * MIB + (5 * MIB if t == 900 else 0)},
    "connections_come_and_go": {"fds": lambda t, age, noise: 18 + noise.choice((0, 0, 0, 0, 1, 2))},
    "a_step_early": {"rss": lambda t, age, noise: 12 * MIB + (2 * MIB if t > 400 else 0)},
}


@pytest.mark.parametrize("name", sorted(STEADY))
@pytest.mark.parametrize("seed", range(5))
def test_what_does_not_grow_is_let_be(name, seed):
    assert judge(series(seed=seed, **STEADY[name])) == []


def test_a_process_started_anew_again_and_again_has_no_line_of_its_own():
    """An opener begins small whenever keys change, and finds its size: that is no growth over the run."""
    births = tuple(range(0, 1800, 150))
    assert judge(series(births=births, anon=lambda t, age, noise: MIB + min(age, 20) * 30 * KIB)) == []


# --- leaks that are planted ----------------------------------------------------------------------------------------


def leak(per_change, changes_a_second=9, after=0):
    return lambda t, age, noise: steps(t, age, noise) + per_change * changes_a_second * max(0, t - after)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("what", ["rss", "pss", "anon"])
def test_a_leak_of_64_bytes_a_change_is_seen(what, seed):
    found = judge(series(seed=seed, **{what: leak(64)}))
    assert len(found) == 1 and found[0].startswith(f"net: {what} grew by"), found


def test_a_leak_that_begins_late_is_seen():
    assert judge(series(anon=leak(200, after=900)))


@pytest.mark.parametrize("what", ["fds", "threads"])
@pytest.mark.parametrize("every", [60, 300, 500])
def test_a_descriptor_now_and_then_is_seen(what, every):
    """As one left behind with each restart of the server, or with each change of the keys."""
    found = judge(series(**{what: lambda t, age, noise: 18 + t // every}))
    assert len(found) == 1 and f"{what} grew by" in found[0], found


def test_a_leak_within_the_lives_of_a_process_is_seen():
    """Of an opener, which a change of the keys ends before it is large."""
    births = tuple(range(0, 1800, 150))
    assert judge(series(births=births, anon=lambda t, age, noise: MIB + 1000 * age + noise.randrange(8 * KIB)))


def test_noise_alone_is_not_called_growth():
    """A line through wild values may rise by more than the limit: not when its own error is as large."""
    wild = {"rss": lambda t, age, noise: 12 * MIB + noise.randrange(40 * MIB)}
    lines = [series(seed=seed, **wild) for seed in range(40)]
    assert any(s.line("net", "rss").rise > soak.LIMITS["rss"].rise for s in lines)
    assert sum(bool(judge(s)) for s in lines) <= 1


# --- the line ------------------------------------------------------------------------------------------------------


def test_the_line_is_that_of_least_squares():
    points = [("a", t, 5 + 2 * t + (-1) ** t) for t in range(100)]
    line = fit(points, 100)
    assert abs(line.rise - 200) < 1 and 0 < line.error < 1.5 and line.samples == 100
    # two lives at two levels, with one slope
    line = fit(points + [("b", t, 1000 + 2 * t + (-1) ** t) for t in range(200, 260)], 100)
    assert abs(line.rise - 200) < 1


@pytest.mark.parametrize("points", [[], [("a", 0, 1)], [("a", 0, 1), ("b", 5, 9)], [("a", 3, 1), ("a", 3, 2)]])
def test_too_few_points_have_no_line(points):
    assert (fit(points, 100).rise, fit(points, 100).error) == (0, 0)


# --- the whole -----------------------------------------------------------------------------------------------------


def test_soak_for_some_seconds(control_plane_of_its_own, tmp_path):
    """Every kind of change happens, every process is seen, and no descriptor is left; memory is judged over minutes."""
    if not kubelet.possible():
        need.missing("mount namespaces take root")
    tmp_path.chmod(0o755)
    subprocess.run([TOP / "scripts/image", "--rootfs", BIN, tmp_path / "image"], check=True, capture_output=True, timeout=300)
    times = Times(seconds=20, sample=1, restart=7, keys=6, namespaces=8)
    samples = soak.soak(control_plane_of_its_own, tmp_path, tmp_path / "image/rootfs", times)
    assert set(samples.of) == {"net", "supervisor", "opener"}
    assert all(len(rows) >= 10 and rows[-1]["rss"] > MIB and rows[-1]["anon"] > 0 for rows in samples.of.values())
    assert len({r["pid"] for r in samples.of["opener"]}) >= 2
    for what in ("documents created", "documents changed", "Secrets edited", "API server restarts", "keys changed"):
        assert samples.changes[what] >= 1, samples.changes
    assert samples.of["net"][-1]["cpu"] > 0
    for rows in samples.of.values():
        assert rows[-1]["fds"] <= rows[0]["fds"] + 6, rows
    text = soak.table(samples)
    assert all(f"| {process} | {what} |" in text for process in samples.of for what in (*soak.LIMITS, "CPU"))


@pytest.fixture
def control_plane_of_its_own(new_control_plane):
    return new_control_plane()
