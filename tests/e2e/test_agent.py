# SPDX-License-Identifier: Apache-2.0
"""bulla-agent over a directory: what it makes, what it says, and what it leaves alone."""
import http.client
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

from agent import OWN, Bed, processes_of
from checkout import CONFLICT, INVALID, IO, NOKEY, REFUSED, USAGE


@pytest.fixture
def bed(tmp_path):
    return Bed(tmp_path)


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# --- what it makes --------------------------------------------------------------------------------


def test_layout(bed):
    bed.seal("app", {"TOKEN": "one", "PASSWORD": "two"})
    bed.once()
    folder = bed.secrets / "foobar/app"
    names = sorted(p.name for p in folder.iterdir())
    assert names[1:] == ["..data", "PASSWORD", "TOKEN"]
    assert re.fullmatch(r"\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d{10}", names[0])
    assert os.readlink(folder / "..data") == names[0]
    assert os.readlink(folder / "TOKEN") == "..data/TOKEN"
    assert bed.secret("app") == {"TOKEN": "one", "PASSWORD": "two"}
    assert mode(folder / names[0] / "TOKEN") == 0o400
    for path in (bed.secrets, bed.secrets / "foobar", folder, folder / names[0], bed.secrets / OWN):
        assert mode(path) == 0o700
    assert mode(bed.secrets / OWN / "ledger") == 0o600


@pytest.mark.parametrize("given, file, folder", [("0440", 0o440, 0o750), ("444", 0o444, 0o755),
                                                 ("0600", 0o600, 0o700)])
def test_file_mode(bed, given, file, folder):
    bed.seal("app", {"TOKEN": "one"})
    bed.once("--file-mode", given)
    assert mode((bed.secrets / "foobar/app/TOKEN").resolve()) == file
    for path in ("", "foobar", "foobar/app", "foobar/app/..data/"):
        assert mode(os.path.join(bed.secrets, path).rstrip("/") if path[-1:] != "/" else
                    (bed.secrets / path).resolve()) == folder
    # what others must not see stays so
    assert mode(bed.secrets / OWN) == 0o700


def test_changed_mode_is_taken_to_what_is_there(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.once()
    bed.once("--file-mode", "0440")
    assert mode((bed.secrets / "foobar/app/TOKEN").resolve()) == 0o440
    assert mode(bed.secrets / "foobar/app") == 0o750
    assert bed.once("--file-mode", "0440").opened == []


def test_unchanged_is_neither_opened_nor_written(bed):
    for i in range(5):
        bed.seal(f"app{i}", {"TOKEN": "one"}, namespace=f"ns{i % 2}")
    assert len(bed.once().opened) == 5
    time.sleep(0.1)  # a file that was written a moment ago is read once more
    assert bed.once().opened == []
    before, ledger = bed.snapshot(), (bed.secrets / OWN / "ledger").stat()
    done = bed.once("-v")
    assert done.opened == []
    assert bed.snapshot() == before
    after = (bed.secrets / OWN / "ledger").stat()
    assert (after.st_ino, after.st_mtime_ns) == (ledger.st_ino, ledger.st_mtime_ns)


def test_change_replaces_exactly(bed):
    bed.seal("app", {"KEPT": "one", "DROPPED": "one"})
    bed.once()
    held = os.open(bed.secrets / "foobar/app", os.O_RDONLY)  # as a bind mount holds it
    bed.seal("app", {"KEPT": "two", "ADDED": "two"})
    bed.once()
    assert bed.secret("app") == {"KEPT": "two", "ADDED": "two"}
    assert len(list((bed.secrets / "foobar/app").iterdir())) == 4
    with open(os.open("KEPT", os.O_RDONLY, dir_fd=held)) as f:
        assert f.read() == "two"
    os.close(held)


def test_resealed_without_a_change_writes_nothing(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.once()
    before = bed.snapshot()
    bed.seal("app", {"TOKEN": "one"})
    assert len(bed.once().opened) == 1
    assert bed.snapshot() == before


def test_many_documents_in_one_file(bed):
    texts = [bed.seal(f"app{i}", {"TOKEN": str(i)}, file="x.yaml").read_text() for i in range(5)]
    (bed.documents / "x.yaml").write_text("---\n".join(texts))
    bed.once()
    assert [bed.secret(f"app{i}") for i in range(5)] == [{"TOKEN": str(i)} for i in range(5)]


def test_only_yaml_files_in_folders_that_are_not_hidden(bed):
    text = bed.seal("app", {"TOKEN": "one"}).read_text()
    (bed.documents / "foobar.app.yaml").unlink()
    for name in ("x.txt", "x.yaml.bak", ".x.yaml", ".git/x.yaml", ".bulla/x.yaml", "a/.b/x.yaml"):
        path = bed.documents / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (bed.path / "outside.yaml").write_text(text)
    (bed.documents / "link.yaml").symlink_to(bed.path / "outside.yaml")
    (bed.documents / "folder").symlink_to(bed.path)
    os.mkfifo(bed.documents / "fifo.yaml")
    (bed.documents / "other.yaml").write_text("kind: [}\n{{ template }}\n")
    bed.once()
    assert bed.secret("app") is None
    (bed.documents / "a/b").mkdir()
    (bed.documents / "a/b/x.yml").write_text(text)
    bed.once()
    assert bed.secret("app") == {"TOKEN": "one"}


# --- what it skips and refuses ----------------------------------------------------------------------


def test_a_kind_written_with_escapes_is_the_kind(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    path.write_text(path.read_text().replace("kind: SealedCredential", 'kind: "Sealed\\x43redential"', 1))
    (bed.documents / "template.yaml").write_text("{{ .Values.x }}: [bulla.dev\n")
    bed.once()
    assert (bed.secrets / "foobar/app/TOKEN").read_text() == "one"


def test_not_for_us_is_skipped(bed):
    bed.seal("theirs", {"TOKEN": "one"}, to=[bed.new_key("other.key", bed.path)])
    bed.seal("ours", {"TOKEN": "one"})
    done = bed.once("-v", "-v")
    assert bed.secret("theirs") is None and bed.secret("ours") == {"TOKEN": "one"}
    assert [line["reason"] for line in done.log if line.get("name") == "theirs" and "reason" in line] == ["NotForUs"]


def test_without_any_key(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.once()
    (bed.keys / "20260101T000000Z-one.key").unlink()
    bed.seal("app", {"TOKEN": "two"})
    done = bed.once(status=NOKEY)
    assert done.list == ["bulla-agent: foobar/app: NoKey: the agent has no sealing key"]
    assert bed.secret("app") == {"TOKEN": "one"}


def test_folder_of_keys_that_is_not_there(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.keys.rename(bed.path / "elsewhere")
    done = bed.once(status=NOKEY)
    # each opener says it at its start, and on a busy machine there may be a second one
    said = {line["error"] for line in done.log if line["msg"] == "no sealing keys can be read"}
    assert said == {f"{bed.keys}: cannot open the key directory: No such file or directory"}


def test_no_longer_for_us_keeps_the_secret(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.once()
    bed.seal("app", {"TOKEN": "two"}, to=[bed.new_key("other.key", bed.path)])
    assert "NoKey" in bed.once(status=NOKEY).list[0]
    assert bed.secret("app") == {"TOKEN": "one"}


def moved(path, namespace):
    path.write_text(path.read_text().replace("namespace: foobar", f"namespace: {namespace}"))


def test_document_moved_to_another_namespace(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    before = bed.snapshot()
    moved(path, "evil")
    done = bed.once("--settle", 0, status=IO)
    assert any(line.startswith("bulla-agent: evil/app: Refused: ") for line in done.list), done
    assert any(line.startswith("bulla-agent: foobar/app: Unknown: ") for line in done.list), done
    assert bed.snapshot() == before
    # also as a file of its own elsewhere, with the old one gone
    path.rename(bed.documents / "elsewhere.yaml")
    done = bed.once("--settle", 0, status=IO)
    assert bed.snapshot() == before
    # and gone for good when the refused one is gone too
    (bed.documents / "elsewhere.yaml").unlink()
    bed.once("--settle", 0)
    assert bed.secret("app") is None and bed.secret("other") == {"TOKEN": "one"}


BAD = {
    "no YAML": (lambda t: t.replace("spec:", "spec: [}"), INVALID, None),
    "conflict markers": (lambda t: "<<<<<<< ours\n" + t + "=======\n>>>>>>> theirs\n", INVALID, None),
    "truncated": (lambda t: t[:len(t) // 2], INVALID, "Invalid"),
    "emptied": (lambda t: "", INVALID, None),
    "only comments": (lambda t: "# nothing\n", INVALID, None),
    "in a List": (lambda t: "apiVersion: v1\nkind: List\nitems:\n- " + t.replace("\n", "\n  ").rstrip() + "\n",
                  INVALID, None),
    "unknown field": (lambda t: t.replace("spec:", "spec:\n  hidden: true", 1), INVALID, "Invalid"),
    "damaged": (lambda t: re.sub(r"(?m)^( +)([A-Za-z0-9+/]{64})$",
                                 lambda m: m[1] + m[2][:10] + ("A" if m[2][10] != "A" else "B") + m[2][11:],
                                 t[::-1][::-1], count=0), None, None),
    "a fact that lies": (lambda t: re.sub(r'sealed-at: "2\d', 'sealed-at: "19', t), REFUSED, "Refused"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_document_leaves_its_secret_and_the_others(bed, what):
    change, status, reason = BAD[what]
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    before = bed.snapshot()
    path.write_text(change(path.read_text()))
    bed.seal("new", {"TOKEN": "one"})
    done = bed.once("--settle", 0, status=None)
    assert done.status in ([status, IO] if status else [INVALID, REFUSED, IO]), done
    assert done.list
    if reason:
        assert any(f"foobar/app: {reason}: " in line for line in done.list), done
    assert {k: v for k, v in bed.snapshot().items() if "/app" in k or "/other" in k} == \
        {k: v for k, v in before.items() if "/app" in k or "/other" in k}
    assert bed.secret("new") == {"TOKEN": "one"}
    assert "one" not in done.text.replace("alone", "")


def test_duplicates_are_all_refused(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    bed.once()
    bed.seal("app", {"TOKEN": "two"}, file="second.yaml")
    done = bed.once(status=CONFLICT)
    assert done.list == ["bulla-agent: foobar/app: Duplicate: stands in foobar.app.yaml:1 and in second.yaml:1"] or \
        done.list == ["bulla-agent: foobar/app: Duplicate: stands in second.yaml:1 and in foobar.app.yaml:1"]
    assert bed.secret("app") == {"TOKEN": "one"}
    path.unlink()
    bed.once()
    assert bed.secret("app") == {"TOKEN": "two"}


def test_foreign_folder_is_left_alone_until_it_is_handed_over(bed):
    folder = bed.secrets / "foobar/app"
    folder.mkdir(parents=True)
    (folder / "TOKEN").write_text("mine")
    before = bed.snapshot()
    bed.seal("app", {"TOKEN": "one"})
    done = bed.once(status=CONFLICT)
    assert "foobar/app: Foreign: " in done.list[0] and ".bulla-adopt" in done.list[0]
    assert bed.snapshot() == before
    (folder / ".bulla-adopt").touch()
    bed.once()
    assert bed.secret("app") == {"TOKEN": "one"}
    assert [(p / "TOKEN").read_text() for p in bed.found()] == ["mine"]
    # taken over: it stays when its document goes
    (bed.documents / "foobar.app.yaml").unlink()
    bed.seal("other", {"TOKEN": "one"})
    bed.once("--settle", 0)
    assert bed.secret("app") == {"TOKEN": "one"}


@pytest.mark.parametrize("make", [lambda p: p.write_text("mine"), lambda p: p.symlink_to("/etc")])
def test_foreign_thing_that_is_no_folder(bed, make):
    (bed.secrets / "foobar").mkdir(parents=True)
    make(bed.secrets / "foobar/app")
    before = bed.snapshot()
    bed.seal("app", {"TOKEN": "one"})
    assert "Foreign" in bed.once(status=CONFLICT).list[0]
    assert bed.snapshot() == before
    (bed.secrets / "foobar/app").unlink()
    bed.once()
    assert bed.secret("app") == {"TOKEN": "one"}


def test_namespace_that_leads_elsewhere(bed):
    (bed.path / "elsewhere").mkdir()
    bed.secrets.mkdir()
    (bed.secrets / "foobar").symlink_to(bed.path / "elsewhere")
    bed.seal("app", {"TOKEN": "one"})
    bed.once(status=CONFLICT)
    assert list((bed.path / "elsewhere").iterdir()) == []


def test_folder_replaced_by_hand_is_not_ours_any_more(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    folder = bed.secrets / "foobar/app"
    folder.rename(bed.path / "away")
    folder.mkdir()
    (folder / "TOKEN").write_text("mine")
    assert "Foreign" in bed.once(status=CONFLICT).list[0]
    (bed.documents / "foobar.app.yaml").unlink()
    bed.once("--settle", 0)
    assert (folder / "TOKEN").read_text() == "mine"


def test_restored_copy_is_still_ours(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.once()
    subprocess.run(["cp", "-a", bed.secrets, bed.path / "copy"], check=True)
    shutil.rmtree(bed.secrets)
    (bed.path / "copy").rename(bed.secrets)
    bed.once()
    bed.seal("app", {"TOKEN": "two"})
    bed.once()
    assert bed.secret("app") == {"TOKEN": "two"}


# --- documents that go --------------------------------------------------------------------------------


def test_removed_document_removes_its_secret(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"}, namespace="barolab")
    bed.once()
    path.unlink()
    begin = time.monotonic()
    bed.once("--settle", 2)
    assert time.monotonic() - begin >= 2
    assert not (bed.secrets / "foobar").exists()
    assert bed.secret("other", "barolab") == {"TOKEN": "one"}
    # and may come again
    bed.seal("app", {"TOKEN": "two"})
    bed.once()
    assert bed.secret("app") == {"TOKEN": "two"}


def test_namespace_folder_that_was_there_stays(bed):
    (bed.secrets / "foobar").mkdir(parents=True)
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"}, namespace="barolab")
    bed.once()
    path.unlink()
    bed.once("--settle", 0)
    assert list((bed.secrets / "foobar").iterdir()) == []


def test_foreign_file_in_a_folder_that_goes_is_kept(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    (bed.secrets / "foobar/app/notes.txt").write_text("mine")
    path.unlink()
    bed.once("--settle", 0)
    assert bed.secret("app") is None
    assert [p.read_text() for p in bed.found()] == ["mine"]


def test_retain(bed):
    path = bed.seal("app", {"TOKEN": "one"}, policy="Retain")
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    text = path.read_text()
    path.unlink()
    before = bed.snapshot()
    bed.once("--settle", 0)
    assert bed.snapshot() == before
    # the same document finds its Secret again; another one of the name changes it
    path.write_text(text)
    assert bed.once("--settle", 0).opened == []
    path.unlink()
    bed.once("--settle", 0)
    bed.seal("app", {"TOKEN": "two"}, policy="Delete")
    bed.once("--settle", 0)
    assert bed.secret("app") == {"TOKEN": "two"}
    path.unlink()
    bed.once("--settle", 0)
    assert bed.secret("app") is None


def test_policy_of_the_last_document_that_was_applied_counts(bed):
    path = bed.seal("app", {"TOKEN": "one"}, policy="Delete")
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    bed.seal("app", {"TOKEN": "one"}, policy="Retain")
    bed.once()
    path.unlink()
    bed.once("--settle", 0)
    assert bed.secret("app") == {"TOKEN": "one"}


def hide(bed):
    shutil.move(bed.documents, bed.path / "hidden")


def empty(bed):
    hide(bed)
    bed.documents.mkdir()


def empty_checkout(bed):
    empty(bed)
    (bed.documents / ".git").mkdir()


def too_deep(bed):
    (bed.documents / "foobar.app.yaml").unlink()
    deep = bed.documents / "/".join(["d"] * 70)
    deep.mkdir(parents=True)


def git_at_work(bed):
    subprocess.run(["git", "init", "-q", bed.documents], check=True, env=bed.env)
    (bed.documents / ".git/index.lock").touch()
    (bed.documents / "foobar.app.yaml").unlink()


def mention(bed):
    (bed.documents / "foobar.app.yaml").unlink()
    (bed.documents / "new.yaml").write_text("kind: SealedCredential\nmetadata: {name: app\n")


@pytest.mark.parametrize("what", [hide, empty, empty_checkout, too_deep, git_at_work, mention],
                         ids=lambda f: f.__name__)
def test_unknown_is_not_gone(bed, what):
    bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    before = bed.snapshot()
    what(bed)
    done = bed.once("--settle", 0, status=IO)
    assert done.list
    assert bed.snapshot() == before


def test_removal_goes_on_when_git_is_done(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    git_at_work(bed)
    with bed.run("--settle", 0, "--full-look", 1) as agent:
        agent.wait_log(reason="Unknown", name="app")
        (bed.documents / ".git/index.lock").unlink()
        agent.wait(lambda: bed.secret("app") is None)


def test_mass_guard(bed):
    for i in range(12):
        bed.seal(f"app{i:02}", {"TOKEN": str(i)}, namespace=f"ns{i}")
    bed.seal("kept", {"TOKEN": "one"})
    bed.once()
    before = bed.snapshot()
    for i in range(12):
        (bed.documents / f"ns{i}.app{i:02}.yaml").unlink()
    done = bed.once("--settle", 0, status=CONFLICT)
    assert len([line for line in done.list if "Guarded" in line]) == 12
    assert bed.snapshot() == before
    release = bed.secrets / OWN / "release"
    release.write_text("0" * 32 + "\n")
    bed.once("--settle", 0, status=CONFLICT)
    assert bed.snapshot() == before and not release.exists()
    command = done.list[-1].split("to let the guarded ones go: ")[1]
    # a set that has grown needs another release
    bed.seal("more", {"TOKEN": "one"})
    bed.once("--settle", 0, status=CONFLICT)
    (bed.documents / "foobar.more.yaml").unlink()
    subprocess.run(["sh", "-c", command], check=True)
    done = bed.once("--settle", 0, status=CONFLICT)
    assert bed.secret("more") == {"TOKEN": "one"}
    subprocess.run(["sh", "-c", done.list[-1].split("to let the guarded ones go: ")[1]], check=True)
    bed.once("--settle", 0)
    assert sorted(p.name for p in bed.secrets.iterdir()) == [OWN, "foobar"]
    assert bed.secret("kept") == {"TOKEN": "one"} and bed.secret("more") is None


def test_mass_guard_of_a_namespace_counts_what_was_removed(bed):
    for i in range(6):
        bed.seal(f"app{i}", {"TOKEN": str(i)})
    bed.once()
    for i in range(3):
        (bed.documents / f"foobar.app{i}.yaml").unlink()
    bed.once("--settle", 0)
    (bed.documents / "foobar.app3.yaml").unlink()
    bed.once("--settle", 0, status=CONFLICT)  # 4 of 6 within ten minutes
    assert bed.secret("app3") == {"TOKEN": "3"}


def test_damaged_ledger_removes_nothing(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    ledger = bed.secrets / OWN / "ledger"
    text = bytearray(ledger.read_bytes())
    text[text.index(b"foobar other")] ^= 1
    ledger.write_bytes(text)
    path.unlink()
    before = bed.snapshot()
    bed.once("--settle", 0, status=IO)
    assert bed.snapshot() == before
    assert (bed.secrets / OWN / "ledger.damaged").read_bytes() == text
    bed.once("--settle", 0, status=IO)  # it is not forgotten
    assert bed.snapshot() == before
    (bed.secrets / OWN / "ledger.damaged").unlink()
    bed.once("--settle", 0)
    assert bed.secret("app") is None and bed.secret("other") == {"TOKEN": "one"}


def test_lost_ledger_makes_all_foreign(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.once()
    before = bed.snapshot()
    (bed.secrets / OWN / "ledger").unlink()
    bed.once(status=CONFLICT)
    assert bed.snapshot() == before


# --- running --------------------------------------------------------------------------------------------


def test_change_is_in_place_within_a_second(bed):
    bed.seal("app", {"TOKEN": "0"})
    with bed.run() as agent:
        for i in range(1, 6):
            new = bed.seal("app", {"TOKEN": str(i)}, file=".new")
            begin = time.monotonic()
            new.rename(bed.documents / "foobar.app.yaml")
            agent.wait(lambda: bed.secret("app") == {"TOKEN": str(i)}, seconds=5)
            assert time.monotonic() - begin < 1
        # written in place, as some editors do
        text = bed.seal("app", {"TOKEN": "last"}, file=".new").read_bytes()
        begin = time.monotonic()
        (bed.documents / "foobar.app.yaml").write_bytes(text)
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "last"}, seconds=5)
        assert time.monotonic() - begin < 1
        agent.stop()


def test_new_folders_are_seen(bed):
    bed.seal("one", {"TOKEN": "1"})
    with bed.run() as agent:
        bed.seal("two", {"TOKEN": "2"}, file="a/b/c/two.yaml")
        agent.wait(lambda: bed.secret("two") == {"TOKEN": "2"}, seconds=5)
        bed.seal("two", {"TOKEN": "3"}, file="a/b/c/two.yaml")
        agent.wait(lambda: bed.secret("two") == {"TOKEN": "3"}, seconds=5)
        (bed.documents / "a").rename(bed.documents / "z")
        bed.seal("two", {"TOKEN": "4"}, file="z/b/c/two.yaml")
        agent.wait(lambda: bed.secret("two") == {"TOKEN": "4"}, seconds=5)


def test_rename_over_and_checkout_are_no_removal(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    with bed.run("--settle", 2) as agent:
        inode = (bed.secrets / "foobar/app").stat().st_ino
        for _ in range(5):
            text = path.read_text()
            path.unlink()
            time.sleep(0.3)
            path.write_text(text)
            time.sleep(0.1)
        agent.wait_log(reason="Applied", name="app")
        assert (bed.secrets / "foobar/app").stat().st_ino == inode
        assert not agent.matching(reason="Removed")
        path.unlink()
        bed.seal("other", {"TOKEN": "one"})
        agent.wait(lambda: bed.secret("app") is None, seconds=10)


def edit_value(folder):
    path = (folder / "TOKEN").resolve()
    path.chmod(0o600)
    path.write_text("two")


def edit_unlink(folder):
    (folder / "TOKEN").unlink()


def edit_add(folder):
    (folder / "extra").write_text("mine")


def edit_mode(folder):
    (folder / "TOKEN").resolve().chmod(0o644)


def edit_remove_all(folder):
    shutil.rmtree(folder)


def edit_remove_namespace(folder):
    shutil.rmtree(folder.parent)


def edit_data(folder):
    (folder / "..data").unlink()


def edit_replace_key(folder):
    (folder / "TOKEN").unlink()
    (folder / "TOKEN").write_text("two")


EDITS = [edit_value, edit_unlink, edit_add, edit_mode, edit_remove_all, edit_remove_namespace, edit_data,
         edit_replace_key]


def is_right(bed):
    try:
        return bed.secret("app") == {"TOKEN": "one"} and len(list((bed.secrets / "foobar/app").iterdir())) == 3 and \
            mode((bed.secrets / "foobar/app/TOKEN").resolve()) == 0o400
    except OSError:
        return False


@pytest.mark.parametrize("edit", EDITS, ids=lambda f: f.__name__)
def test_edit_by_hand_is_repaired(bed, edit):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run() as agent:
        edit(bed.secrets / "foobar/app")
        begin = time.monotonic()
        agent.wait(lambda: is_right(bed), seconds=5)
        assert time.monotonic() - begin < 1
        agent.stop()


@pytest.mark.parametrize("edit", EDITS, ids=lambda f: f.__name__)
def test_edit_while_it_was_not_running_is_repaired(bed, edit):
    bed.seal("app", {"TOKEN": "one"})
    bed.once()
    edit(bed.secrets / "foobar/app")
    bed.once()
    assert is_right(bed)


def test_contested_secret_is_repaired_at_intervals(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run("--listen", "127.0.0.1:0") as agent:
        for i in range(4):
            (bed.secrets / "foobar/app/TOKEN").unlink()
            if i < 3:
                agent.wait(lambda: is_right(bed), seconds=5)
        agent.wait_log(reason="Contested", name="app")
        agent.wait(lambda: is_right(bed), seconds=5)
        agent.wait_log(since=len(agent.log) - 1, reason="Applied", name="app")
        assert agent.metrics()["bulla_secrets_repaired_total"] == 4


def test_keys_come_and_go(bed):
    bed.seal("app", {"TOKEN": "one"})
    away = bed.path / "away.key"
    (bed.keys / "20260101T000000Z-one.key").rename(away)
    with bed.run() as agent:
        agent.wait_log(reason="NoKey", name="app")
        away.rename(bed.keys / "20260101T000000Z-one.key")
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "one"}, seconds=10)
        second = bed.new_key("20260102T000000Z-two.key")
        bed.seal("app", {"TOKEN": "two"}, to=[second])
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"}, seconds=10)
        since = len(agent.log)
        (bed.keys / "20260102T000000Z-two.key").rename(away)
        agent.wait_log(since=since, reason="NoKey", name="app")
        assert bed.secret("app") == {"TOKEN": "two"}
        agent.stop()


def test_root_that_is_a_link_which_is_swapped(bed):
    """As git-sync does it."""
    bed.documents.rmdir()
    for name in ("v1", "v2"):
        (bed.path / "git" / name).mkdir(parents=True)
    bed.documents = bed.path / "git/v1"
    bed.seal("app", {"TOKEN": "one"})
    bed.documents = bed.path / "git/v2"
    bed.seal("app", {"TOKEN": "two"})
    link = bed.documents = bed.path / "git/current"
    link.symlink_to("v1")
    with bed.run() as agent:
        assert bed.secret("app") == {"TOKEN": "one"}
        (bed.path / "git/next").symlink_to("v2")
        (bed.path / "git/next").rename(link)
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"}, seconds=5)
        link.unlink()
        agent.wait_log(msg="DOCUMENTS cannot be seen whole; no Secret is removed")
        link.symlink_to("v1")
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "one"}, seconds=5)


def test_documents_that_come_later(bed):
    hide(bed)
    with bed.run() as agent:
        agent.wait_log(msg="DOCUMENTS cannot be seen whole; no Secret is removed")
        shutil.move(bed.path / "hidden", bed.documents)
        # the keys stand beside it, so the jail cannot let the agent see what is not there yet
        assert agent.process.wait(10) == IO
    assert any("start the agent again" in line for line in agent.lines)


def test_documents_replaced_by_another_folder(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run("--settle", 0) as agent:
        shutil.copytree(bed.documents, bed.path / "copy")
        shutil.rmtree(bed.documents)
        agent.wait_log(msg="DOCUMENTS cannot be seen whole; no Secret is removed")
        (bed.path / "copy").rename(bed.documents)
        assert agent.process.wait(10) == IO
    assert bed.secret("app") == {"TOKEN": "one"}


def test_secrets_replaced_by_another_folder(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run() as agent:
        bed.secrets.rename(bed.path / "away")
        bed.secrets.mkdir()
        assert agent.process.wait(10) == IO
    assert any("SECRETS is not the folder" in line for line in agent.lines)
    bed.once()
    assert bed.secret("app") == {"TOKEN": "one"}


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.skipif("BULLA_SANITIZED" in os.environ, reason="ptrace and LeakSanitizer exclude each other")
def test_without_watches_it_looks_more_often(bed):
    bed.seal("app", {"TOKEN": "one"})
    strace = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=inotify_add_watch", "-e",
              "inject=inotify_add_watch:error=ENOSPC"]
    with bed.run("--full-look", 1, "--listen", ":0", prefix=strace) as agent:
        assert agent.wait_log(level="warn")["raise"] == "fs.inotify.max_user_watches"
        bed.seal("app", {"TOKEN": "two"})
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"}, seconds=10)
        (bed.secrets / "foobar/app/TOKEN").unlink()
        agent.wait(lambda: is_secret(bed, {"TOKEN": "two"}), seconds=10)
        assert agent.metrics()["bulla_folders_unwatched"] > 2
        os.kill(processes_of(agent.process.pid)[1], signal.SIGTERM)
        assert agent.process.wait(10) == 0


def is_secret(bed, want):
    try:
        return bed.secret("app") == want
    except OSError:
        return False


def test_a_removal_is_told(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    with bed.run("--settle", 1) as agent:
        path.unlink()
        agent.wait_log(reason="PendingRemoval", name="app")
        agent.wait_log(reason="Removed", name="app")
        assert bed.secret("app") is None
        assert len(agent.matching(reason="Removed")) == 1


def test_moved_while_no_key_is_at_hand(bed):
    """Nobody can say whether it is the same one, so it is not gone."""
    path = bed.seal("app", {"TOKEN": "one"})
    bed.seal("other", {"TOKEN": "one"})
    bed.once()
    (bed.keys / "20260101T000000Z-one.key").unlink()
    moved(path, "evil")
    path.rename(bed.documents / "elsewhere.yaml")
    bed.once("--settle", 0, status=IO)
    assert bed.secret("app") == {"TOKEN": "one"}


def test_full_look_sees_what_no_watch_tells(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run("--full-look", 1) as agent:
        path = bed.documents / "foobar.app.yaml"
        text = bed.seal("app", {"TOKEN": "two"}, file=".new").read_bytes()
        # kept open, so no event that it was closed
        with open(path, "r+b") as f:
            f.write(text.ljust(path.stat().st_size, b"\n"))
            f.truncate()
            f.flush()
            agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"}, seconds=5)


def test_signals(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run() as agent:
        pids = processes_of(agent.process.pid)
        assert len(pids) == 3
        agent.signal(signal.SIGHUP)
        bed.seal("app", {"TOKEN": "two"})
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"}, seconds=5)
        agent.stop()
        assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    with bed.run() as agent:
        agent.signal(signal.SIGINT)
        assert agent.process.wait(10) == 0


def test_opener_that_dies_is_replaced(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run("--listen", "127.0.0.1:0") as agent:
        os.kill(processes_of(agent.process.pid)[2], signal.SIGKILL)
        agent.wait_log(msg="an opener died")
        bed.seal("app", {"TOKEN": "two"})
        agent.wait(lambda: bed.secret("app") == {"TOKEN": "two"}, seconds=20)
        assert agent.metrics()["bulla_opener_restarts_total"] >= 1


def test_two_agents(bed):
    bed.seal("app", {"TOKEN": "one"})
    with bed.run() as agent:
        done = bed.once(status=CONFLICT)
        assert "another bulla-agent" in done.list[0]
        agent.stop()
    bed.once()


def test_events_once_per_change_of_state(bed):
    path = bed.seal("app", {"TOKEN": "one"})
    with bed.run() as agent:
        agent.wait_log(reason="Applied", name="app")
        good = path.read_text()
        path.write_text(good.replace("spec:", "spec:\n  hidden: true", 1))
        agent.wait_log(reason="Invalid", name="app")
        for i in range(5):
            bed.seal(f"other{i}", {"TOKEN": "one"})
            agent.wait(lambda: bed.secret(f"other{i}") is not None)
        path.write_text(good)
        since = len(agent.log)
        agent.wait_log(since=since - 1, reason="Applied", name="app")
        assert [line["reason"] for line in agent.log if line.get("name") == "app" and "reason" in line] == \
            ["Applied", "Invalid", "Applied"]
        for line in agent.log:
            assert list(line)[:3] == ["time", "level", "msg"]


def test_http(bed):
    bed.seal("app", {"TOKEN": "one"})
    bed.seal("theirs", {"TOKEN": "one"}, to=[bed.new_key("other.key", bed.path)])
    with bed.run("--listen", ":0") as agent:
        assert agent.address().startswith("127.0.0.1:")
        assert agent.get("/healthz") == (200, "ok\n")
        assert agent.get("/readyz") == (200, "ok\n")
        assert agent.get("/")[0] == 404
        assert agent.get("/metrics/")[0] == 404
        assert agent.get("/metrics", "POST", "x" * 100)[0] == 405
        assert agent.get("/healthz", "DELETE")[0] == 405
        assert agent.get("/healthz", "HEAD") == (200, "")
        m = agent.metrics()
        assert m['bulla_documents{reason="Applied"}'] == 1 and m['bulla_documents{reason="NotForUs"}'] == 1
        assert m["bulla_ready"] == 1 and m["bulla_sealing_keys"] == 1
        # the one for somebody else was not shown to the opener
        assert {k: v for k, v in m.items() if k.startswith("bulla_openings_total") and v} == {'bulla_openings_total{result="opened"}': 1}
        # the one key, and the one document that needs it
        assert [v for k, v in m.items() if k.startswith("bulla_key_")] == [1, 1]
        assert m["bulla_secrets_written_total"] == 1
        assert 1e6 < m["process_resident_memory_bytes"] < 1e9
        assert m["process_cpu_seconds_total"] > 0
        # each metric is described once, before its first sample
        text = agent.get("/metrics")[1]
        names = re.findall(r"(?m)^# TYPE (\S+) (?:gauge|counter)$", text)
        assert len(names) == len(set(names)) == len(re.findall(r"(?m)^# HELP ", text))
        for line in text.splitlines():
            if not line.startswith("#"):
                assert re.split(r"[{ ]", line)[0] in names
        agent.stop()


def test_one_address_leaves_room_for_others(bed):
    """Sixteen connections that say nothing, and a probe from elsewhere."""
    bed.seal("app", {"TOKEN": "one"})
    with bed.run("--listen", "127.0.0.1:0") as agent:
        host, port = agent.address().rsplit(":", 1)
        idle = [socket.create_connection((host, int(port))) for _ in range(16)]
        time.sleep(0.3)
        probe = http.client.HTTPConnection(host, int(port), timeout=3, source_address=("127.0.0.2", 0))
        probe.request("GET", "/healthz")
        assert probe.getresponse().status == 200
        probe.close()
        for s in idle:
            s.close()
        agent.stop()


def test_expiry_is_the_only_metric_with_names(bed):
    out = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                          "-keyout", bed.path / "k", "-out", bed.path / "c", "-days", "30", "-subj", "/CN=x",
                          "-addext", "subjectAltName=DNS:x.example"], capture_output=True)
    assert out.returncode == 0, out.stderr
    from checkout import BULLA
    done = subprocess.run([BULLA, "seal", "tls", "web", "-n", "foobar", "-r", bed.key, "--cert", bed.path / "c",
                           "--private-key", bed.path / "k"], env=bed.env, capture_output=True)
    assert done.returncode == 0, done.stderr
    (bed.documents / "web.yaml").write_bytes(done.stdout)
    with bed.run("--listen", "127.0.0.1:0") as agent:
        expiry = agent.metrics()['bulla_credential_not_after_timestamp_seconds{namespace="foobar",name="web"}']
        assert abs(expiry - time.time() - 30 * 86400) < 600
        named = [line for line in agent.get("/metrics")[1].splitlines() if "foobar" in line]
        assert len(named) == 1
        agent.stop()
    with bed.run("--listen", "127.0.0.1:0", "--anonymous-metrics") as agent:
        assert "foobar" not in agent.get("/metrics")[1]


def test_not_ready_before_the_first_look(bed):
    """A look that takes long: many documents, and an opener that is slow to be had."""
    for i in range(3):
        bed.seal(f"app{i}", {"TOKEN": "one"})
    with bed.run("--listen", "127.0.0.1:0", wait=False) as agent:
        agent.address()
        seen = set()
        while 200 not in seen:
            seen.add(agent.get("/readyz")[0])
        assert seen <= {200, 503}
        assert all(bed.secret(f"app{i}") == {"TOKEN": "one"} for i in range(3))


def test_no_secret_in_logs_and_metrics(bed):
    canary = "canary-8c1f2b7e"
    path = bed.seal("app", {"TOKEN": canary})
    other = bed.seal("other", {"TOKEN": canary + "-other"})
    with bed.run("-v", "-v", "--listen", "127.0.0.1:0") as agent:
        agent.wait(lambda: bed.secret("app") is not None)
        moved(other, "evil")
        agent.wait_log(reason="Refused", name="other")
        path.write_text(path.read_text()[:-200])
        agent.wait_log(reason="Invalid", name="app")
        text = agent.get("/metrics")[1]
        for pid in processes_of(agent.process.pid):
            for name in ("cmdline", "environ"):
                try:
                    assert canary.encode() not in open(f"/proc/{pid}/{name}", "rb").read()
                except PermissionError:
                    pass
        agent.stop()
    assert canary not in text and canary not in "".join(agent.lines)
    assert canary.encode() not in (bed.secrets / OWN / "ledger").read_bytes()


def test_hostile_file_names_do_not_reach_the_terminal(bed):
    bed.seal("app", {"TOKEN": "one"}, file="a\x1b[31m\u202e.yaml")
    bed.seal("app", {"TOKEN": "two"}, file="b\n.yaml")
    done = bed.once(status=CONFLICT)
    assert "\x1b" not in done.text and "\u202e" not in done.text
    assert len(done.list) == 1
    (bed.documents / "b\n.yaml").unlink()
    bed.once()
    time.sleep(0.1)
    bed.once()
    assert bed.once().opened == []
    assert bed.secret("app") == {"TOKEN": "one"}


# --- the command line -----------------------------------------------------------------------------------


def refused(bed, text, status=REFUSED, **paths):
    for name, path in paths.items():
        setattr(bed, name, path)
    done = bed.once(status=status)
    assert text in done.list[0], done


def test_folders_that_must_not_meet(bed):
    refused(bed, "SECRETS and DOCUMENTS are the same folder", secrets=bed.documents)
    refused(bed, "SECRETS (", secrets=bed.documents / "sub")
    refused(bed, "lies inside DOCUMENTS", secrets=bed.documents / "../documents/x/y")
    (bed.path / "link").symlink_to(bed.documents)
    refused(bed, "lies inside DOCUMENTS", secrets=bed.path / "link/x")
    refused(bed, "DOCUMENTS (", secrets=bed.path)


def test_keys_among_documents(bed):
    (bed.documents / "keys").mkdir()
    refused(bed, "no key belongs among what is committed", keys=bed.documents / "keys")
    refused(bed, "who may read Secrets must not read keys", keys=bed.secrets / "keys")


def test_secrets_in_a_git_tree(bed):
    tree = bed.path / "tree"
    subprocess.run(["git", "init", "-q", tree], check=True, env=bed.env)
    refused(bed, "lies in the Git tree", secrets=tree / "a/secrets")
    assert not (tree / "a").exists()


def test_secrets_that_everyone_can_write(bed):
    bed.secrets.mkdir()
    bed.secrets.chmod(0o777)
    refused(bed, "every user can write to it")


def test_secrets_without_a_parent(bed):
    refused(bed, "cannot create", status=IO, secrets=bed.path / "a/b")


@pytest.mark.parametrize("args, text", [
    ([], "--documents DIR is needed"),
    (["--documents", "a", "--secrets", "b"], "--keys DIR or --opener PATH is needed"),
    (["--documents", "a", "--documents", "b"], "--documents is given twice"),
    (["--once", "--once"], "--once is given twice"),
    (["--documents"], "--documents needs a value"),
    (["--kubernetes"], "--keys DIR or --opener PATH is needed"),
    (["--kubernetes", "--keys", "c", "--secrets", "b"], "--secrets does not go with --kubernetes"),
    (["--documents", "a", "--secrets", "b", "--keys", "c", "--namespaces", "x"], "--namespaces needs --kubernetes"),
    (["--documents", "a", "--secrets", "b", "--keys", "c", "--flux"], "--flux needs --kubernetes"),
    (["--documents", ""], "--documents: is empty"),
    (["--nonsense"], "unknown option --nonsense"),
    (["-x"], "unknown option -x"),
    (["--documents", "a", "--secrets", "b", "--keys", "c", "more"], "unexpected argument more"),
    (["--file-mode", "888"], "--file-mode: three or four octal digits"),
    (["--file-mode", "0040"], "must be able to read"),
    (["--file-mode", "0777"], "only bits of 0644"),
    (["--settle", "-1"], "--settle: a number of seconds"),
    (["--settle", "86401"], "--settle: between 0 and 86400"),
    (["--full-look", "0"], "--full-look: between 1 and 86400"),
    (["--documents", "a", "--secrets", "b", "--keys", "c", "--once", "--listen", ":1"], "--once ends before"),
    (["--documents", "a", "--secrets", "b", "--keys", "c", "--once", "--give-up", "1"], "--give-up needs --kubernetes"),
    (["--kubernetes", "--keys", "c", "--give-up", "1"], "--give-up needs --once"),
    (["--kubernetes", "--keys", "c", "--once", "--give-up", "0"], "--give-up: between 1 and 86400"),
])
def test_usage(bed, args, text):
    from agent import AGENT
    done = subprocess.run([AGENT, *args], env=bed.env, capture_output=True, text=True, cwd=bed.path)
    assert done.returncode == USAGE and text in done.stderr, done
    assert "--help" in done.stderr


@pytest.mark.parametrize("listen", ["", "9464x", "localhost:1", "127.0.0.1", "127.0.0.1:65536", "[::1:1", "1.2.3:1",
                                    ":", ":-1"])
def test_listen_refused(bed, listen):
    done = subprocess.run(bed.args("--listen", listen), env=bed.env, capture_output=True, text=True)
    assert done.returncode == USAGE and "--listen" in done.stderr, done


def test_listen_taken(bed):
    with bed.run("--listen", ":0") as agent:
        bed.secrets = bed.path / "other"
        done = subprocess.run(bed.args("--listen", agent.address()), env=bed.env, capture_output=True, text=True)
        assert done.returncode == IO and "cannot listen" in done.stderr


def test_help_and_version(bed):
    from agent import AGENT
    out = subprocess.run([AGENT, "--help"], capture_output=True, text=True, check=True).stdout
    for option in ("--documents", "--secrets", "--keys", "--once", "--give-up", "--file-mode", "--listen", "--settle",
                   "--full-look", "--self-test", "--anonymous-metrics"):
        assert f"{option} " in out
    assert re.fullmatch(r"bulla-agent \d+\.\d+\.\d+\n",
                        subprocess.run([AGENT, "--version"], capture_output=True, text=True, check=True).stdout)
