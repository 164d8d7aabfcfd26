# SPDX-License-Identifier: Apache-2.0
"""bulla bootstrap tries the deploy key at a real OpenSSH server before it commits or applies it: what fails is named, and
the next run goes on with the same key."""
import threading
import time

import pytest

from bootstrapbed import PATH, REPOSITORY, Cluster, url_at
from checkout import IO, REFUSED
from hubserver import fingerprint
from processes import free_port
from test_bootstrap import IMAGE, bed, clusters, document, first, git_server, hub, public_key, registered, tls  # noqa: F401
from test_ssh import Ways, listener


def is_not_begun(bed, cluster):  # noqa: F811
    """The key is sealed and registered, once; nobody fetches with it yet."""
    assert bed.repo.git("log", check=False) == "" and cluster.store.all("sealedcredentials") == {}
    assert [k["key"] for k in registered(bed)] == [public_key(bed)]
    return public_key(bed)


def goes_on(bed, cluster, key, *more):  # noqa: F811
    first(bed, *more)
    assert [k["key"] for k in registered(bed)] == [key] == [public_key(bed)]
    assert bed.repo.git("log", "--format=%s").strip() == "Bootstrap eu-west9"
    assert cluster.store.all("sealedcredentials")["flux-system", "flux-ssh"]["spec"] == document(bed)["spec"]


def test_with_the_very_key_and_only_once(bed, clusters):  # noqa: F811
    done = first(bed)
    assert "try: done" in done.err and f"try: the deploy key is tried at {bed.url}" in done.err
    used = bed.hub.uses()[fingerprint(public_key(bed))]
    assert used >= 1
    assert "nothing to do" in first(bed).err and bed.hub.uses()[fingerprint(public_key(bed))] == used


def test_authentication_fails(bed, clusters):  # noqa: F811
    bed.hub.follow = lambda: None  # registered, but not let in
    begin = time.monotonic()
    done = first(bed, status=REFUSED)
    assert "try: authentication: 127.0.0.1 does not accept the deploy key SHA256:" in done.err
    assert f"it is registered at {REPOSITORY}, its document neither applied nor committed" in done.err
    assert "not finished, run it again to go on" in done.err and 8 < time.monotonic() - begin < 30
    key = is_not_begun(bed, clusters["eu"])
    del bed.hub.follow
    bed.hub.follow()
    goes_on(bed, clusters["eu"], key)


def test_a_github_that_is_a_moment_behind(bed, clusters):  # noqa: F811
    follow, later = bed.hub.follow, []

    def soon():
        later.append(threading.Timer(3, follow))
        later[-1].start()
    bed.hub.follow = soon
    first(bed)
    later[0].join()
    assert len(later) == 1 and bed.repo.git("log", "--format=%s").strip() == "Bootstrap eu-west9"


def test_the_host_key_is_another(bed, clusters, tmp_path):  # noqa: F811
    """Mended in the document, by who can open it: the key stays."""
    right = bed.hosts[1].read_text()
    wrong = tmp_path / "wrong"
    wrong.write_text(right.split()[0] + " ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n")
    done = first(bed, "--known-hosts", wrong, status=REFUSED)
    assert "try: host key: [127.0.0.1]:" in done.err and "shows another ssh-ed25519 host key than the sealed known_hosts" in done.err
    assert f"'bulla edit {PATH}/credentials/flux-ssh.yaml -i RECOVERY-KEY' changes known_hosts and keeps the key" in done.err
    key = is_not_begun(bed, clusters["eu"])
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\nexec python3 - \"$1\" <<'END'\nimport re, sys\ntext = open(sys.argv[1]).read()\n"
                      f"made = re.sub(r'(?m)^.*ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMq.*$', "
                      f"lambda m: m[0][:len(m[0]) - len(m[0].lstrip())] + {right.splitlines()[0]!r}, text)\n"
                      f"assert made != text, text\nopen(sys.argv[1], 'w').write(made)\nEND\n")
    editor.chmod(0o755)
    bed.repo.env["EDITOR"] = str(editor)
    bed.repo.bulla("edit", f"{PATH}/credentials/flux-ssh.yaml", "-i", bed.repo.recovery)
    goes_on(bed, clusters["eu"], key)


def test_the_repository_is_not_there(bed, clusters):  # noqa: F811
    other = bed.hub.repo("barolab/other")
    bed.hub.follow = lambda: [bed.hub.git.authorize(key["key"]) for key in other.values()]
    done = first(bed, url=bed.url.replace(REPOSITORY, "barolab/other"), status=REFUSED)
    assert "try: repository: 127.0.0.1 accepts the deploy key SHA256:" in done.err and "does not let it read /barolab/other" in done.err
    assert "it is registered at barolab/other" in done.err and bed.repo.git("log", check=False) == ""


def test_a_key_that_may_write(bed, clusters):  # noqa: F811
    def follow():
        for key in bed.hub.keys.values():
            bed.hub.git.authorize(key["key"], write=True)
    bed.hub.follow = follow
    done = first(bed, status=REFUSED)
    assert "try: the key may write to the repository" in done.err
    is_not_begun(bed, clusters["eu"])


def test_from_where_the_server_cannot_be_reached(bed, clusters):  # noqa: F811
    bed.url = bed.url.replace(f":{bed.hub.git.port}/", f":{free_port()}/")
    hosts = bed.hosts[1]
    hosts.write_text(hosts.read_text().replace(f":{bed.hub.git.port} ", f":{bed.url.split(':')[2].split('/')[0]} "))
    done = first(bed, status=IO)
    assert "refuses the connection" in done.err and "HTTPS_PROXY or ALL_PROXY says which proxy leads there" in done.err
    assert "--no-try leaves it to Flux to tell" in done.err
    key = is_not_begun(bed, clusters["eu"])
    goes_on(bed, clusters["eu"], key, "--no-try")


@pytest.mark.parametrize("door", ["open", "closed"])
def test_the_other_door_of_github(bed, clusters, door):  # noqa: F811
    """By the host keys that are sealed for github.com, which a server of ours cannot have."""
    proxy = Ways({"ssh.github.com:443": ("127.0.0.1", bed.hub.git.port)} if door == "open" else {})
    with listener(proxy) as port:
        bed.repo.env.update(ALL_PROXY=f"http://127.0.0.1:{port}", NO_PROXY="127.0.0.1")
        bed.hosts, bed.url = (), f"ssh://git@github.com/{REPOSITORY}"
        done = first(bed, status=REFUSED if door == "open" else IO)
    assert proxy.asked == ["github.com:22", "ssh.github.com:443"]
    if door == "open":
        assert "try: host key: [ssh.github.com]:443 shows another ssh-ed25519 host key than the sealed known_hosts" in done.err
    else:
        assert "github.com:22" in done.err and "ssh.github.com:443" in done.err and "--no-try leaves it to Flux" in done.err
    is_not_begun(bed, clusters["eu"])


# --- a cluster made anew --------------------------------------------------------------------------------

def anew(bed, tls, clusters, *more, token, status=0):  # noqa: F811
    with Cluster(tls[1]) as cluster:
        bed.point({**clusters, "eu": cluster})
        done = first(bed, "-i", bed.repo.recovery, *more, token=token, status=status)
        return done, cluster.store.all("sealedcredentials")


def test_a_key_that_was_deleted_meanwhile(bed, clusters, tls):  # noqa: F811
    first(bed)
    key, head = public_key(bed), bed.repo.git("rev-parse", "HEAD")
    bed.hub.keys.clear()
    bed.hub.follow()
    done, applied = anew(bed, tls, clusters, token=False, status=REFUSED)
    assert "authentication: " in done.err and "--app FILE or --token-file FILE registers it" in done.err and applied == {}
    _, applied = anew(bed, tls, clusters, token=True)
    assert applied and [k["key"] for k in registered(bed)] == [key] and bed.repo.git("rev-parse", "HEAD") == head


def test_a_key_that_the_user_registers(bed, clusters, tls):  # noqa: F811
    done = bed.run("--image", IMAGE, "--recovery", bed.repo.recovery, "--no-register")
    assert "not proven" not in done.err and f"register this key at {url_at(bed.hub.git)}, for reading only" in done.err
    done, applied = anew(bed, tls, clusters, "--no-register", token=False)
    assert "the deploy key, which you register, is not proven: authentication: " in done.err and applied
    bed.hub.git.authorize(public_key(bed))
    done, _ = anew(bed, tls, clusters, "--no-register", token=False)
    assert "not proven" not in done.err
    assert fingerprint(public_key(bed)) in bed.hub.uses() and registered(bed) == []
