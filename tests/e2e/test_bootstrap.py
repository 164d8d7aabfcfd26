# SPDX-License-Identifier: Apache-2.0
"""bulla bootstrap against the tests' own API server and GitHub: from nothing, again, with a cluster made anew, for a
second region, and what it refuses before anything is done."""
import base64
import json
import re

import pytest
import yaml

from bootstrapbed import IMAGE, PATH, REPOSITORY, Bed, Cluster, at_root, load, session_server, tree
from checkout import CONFLICT, FINDINGS, INVALID, NOKEY, RECIPIENT, REFUSED, USAGE, Terminal
from fakegithub import FakeGitHub, Fault
from hubserver import HubServer
from kubeserver import Authority

TOKEN = "github_pat_11ABCDEFG0abcdefghijkl_" + "c4n4ry" * 9 + "abcde"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("tls"), "cluster")
    return ca.ca, ca.issue("server", addresses=["127.0.0.1"])


@pytest.fixture
def clusters(tls):
    with Cluster(tls[1]) as eu, Cluster(tls[1]) as us:
        yield {"eu": eu, "us": us}


@pytest.fixture(scope="session")
def git_server(tmp_path_factory):
    server = session_server(tmp_path_factory.mktemp("git"))
    remote = server.repository("infra")
    remote.commit({"README": "x"})
    at_root(server, remote.bare)
    yield server
    server.stop()


@pytest.fixture
def hub(git_server):
    with HubServer(git=git_server) as hub:
        hub.repo(REPOSITORY)
        hub.token(TOKEN)
        yield hub
        assert hub.violations == []


@pytest.fixture
def bed(tmp_path, tls, clusters, hub, git_server):
    made = Bed(tmp_path, tls[0], clusters, git_server)
    made.components()
    made.hub = hub
    made.token = tmp_path / "token"
    made.token.write_text(TOKEN + "\n")
    return made


def first(bed, *more, token=True, **of):
    by = ["--api-url", bed.hub.url, *(["--token-file", bed.token] if token else [])]
    return bed.run("--image", IMAGE, "--recovery", bed.repo.recovery, *by, *more, **of)


def document(bed, path=PATH):
    return load(bed.repo.top / path / "credentials/flux-ssh.yaml")[0]


def public_key(bed, path=PATH):
    return document(bed, path)["spec"]["parts"]["credential"]["facts"]["public-key"]


def registered(bed):
    return list(bed.hub.repos[REPOSITORY].values())


def github_writes(bed):
    return [(method, path) for method, path, _ in bed.hub.requests if method != "GET"]


# --- from nothing ---------------------------------------------------------------------------------------


def test_from_nothing(bed, clusters):
    repo, eu = bed.repo, clusters["eu"]
    done = first(bed)
    # the cluster has a key, the repository its public half and its backup
    [text] = eu.keys().values()
    config = yaml.safe_load((repo.top / ".bulla/config").read_text())
    assert re.search("public key: (age1.*)", text)[1] == config["recipients"]["eu-west9"]
    assert config["rules"] == [{"path": f"{PATH}/**", "to": ["eu-west9"]}, {"path": "**", "to": ["eu-west9"]}]
    assert [p.name for p in (repo.top / ".bulla/keys").iterdir()] == ["eu-west9.age"]
    repo.bulla("keys", "install", "eu-west9", "-i", repo.recovery, "--to", repo.path / "back")
    assert {p.name: p.read_text() for p in (repo.path / "back").iterdir()} == eu.keys()
    # the deploy key is sealed to it alone, registered for reading, and applied
    part = document(bed)["spec"]["parts"]["credential"]
    assert set(part["recipients"]) == {"eu-west9", "recovery"}
    [key] = registered(bed)
    assert key["key"] == public_key(bed) and key["read_only"] is True
    assert key["title"] == f"bulla eu-west9 flux-ssh {part['facts']['fingerprint'][:19]}"
    live = eu.store.all("sealedcredentials")["flux-system", "flux-ssh"]
    assert live["spec"] == document(bed)["spec"]
    assert eu.store.all("gitrepositories")["flux-system", "flux-system"]["spec"]["url"] == bed.url
    assert {name for _, name in eu.store.all("kustomizations")} == {"flux-system"}
    assert ("", "sealedcredentials.bulla.dev") in eu.store.all("customresourcedefinitions")
    [deployment] = [d for (n, _), d in eu.store.all("deployments").items() if n == "bulla-system"]
    assert {c["image"] for c in deployment["spec"]["template"]["spec"]["containers"]} == {IMAGE}
    assert "one registered by a GitHub App (--app) stays" in done.err


def test_what_is_committed(bed):
    """Every file that Flux and the next person need, and nothing of the user's own."""
    repo = bed.repo
    repo.write("mine.txt", "1")
    repo.commit("before")
    repo.write("mine.txt", "2")
    repo.write("staged.txt", "x")
    repo.git("add", "staged.txt")
    first(bed)
    changed = set(repo.git("show", "--format=", "--name-only", "HEAD").split())
    below = {"kustomization.yaml", "bulla.yaml", "credentials.yaml", "bulla/kustomization.yaml", "bulla/agent.yaml",
             "credentials/kustomization.yaml", "credentials/flux-ssh.yaml", "flux-system/kustomization.yaml", "flux-system/gotk-sync.yaml"}
    # what gotk-components.yaml holds was committed before
    assert changed == {f"{PATH}/{name}" for name in below} | {".bulla/config", ".bulla/keys/eu-west9.age", ".gitattributes"}
    assert repo.git("status", "--porcelain").split("\n")[:2] == [" M mine.txt", "A  staged.txt"]
    assert repo.git("log", "--format=%an %s", "-1").strip() == "t Bootstrap eu-west9"
    assert repo.bulla("check").err.count("0 findings, 0 warnings") == 1


def test_order_of_flux(bed):
    first(bed)
    found = {d["metadata"]["name"]: d["spec"] for f in (bed.repo.top / PATH).glob("*.yaml") if f.name != "kustomization.yaml"
             for d in load(f)}
    assert set(found) == {"bulla", "credentials"}
    assert "dependsOn" not in found["bulla"] and found["credentials"]["dependsOn"] == [{"name": "bulla"}]
    assert all(spec["wait"] and spec["path"] == f"./{PATH}/{name}" for name, spec in found.items())
    for folder in (PATH, f"{PATH}/bulla", f"{PATH}/credentials", f"{PATH}/flux-system"):
        [kustomization] = load(bed.repo.top / folder / "kustomization.yaml")
        for entry in kustomization["resources"]:
            assert (bed.repo.top / folder / entry).exists(), (folder, entry)


def test_no_secret_is_anywhere(bed, clusters):
    done = first(bed)
    repo, eu = bed.repo, clusters["eu"]
    [sealing] = re.findall("AGE-SECRET-KEY-1[0-9A-Z]+", "".join(eu.keys().values()))
    opened = repo.bulla("open", f"{PATH}/credentials/flux-ssh.yaml", "-i", repo.recovery).out
    private = base64.b64decode(yaml.safe_load(opened)["data"]["identity"]).decode()
    for secret in (TOKEN, sealing, private):
        assert secret not in done.out + done.err
        for path in (*repo.top.rglob("*"), *repo.home.rglob("*")):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    sent = [r for r in eu.requests if sealing.encode() in r.body or private.encode() in r.body or TOKEN.encode() in r.body]
    assert sent == []  # the sealing key travels in base64, in one request
    inside = [r.path for r in eu.requests if any(base64.b64encode(t.encode()) in r.body for t in eu.keys().values())]
    assert inside == ["/api/v1/namespaces/bulla-system/secrets/bulla-sealing-keys"]


# --- again ----------------------------------------------------------------------------------------------


def test_again_changes_nothing(bed, clusters):
    """Same bytes, no write to a server, no token asked for once Flux fetches."""
    first(bed)
    head, before = bed.repo.git("rev-parse", "HEAD"), tree(bed.repo.top)
    for fetches in (False, True):
        if fetches:
            clusters["eu"].fetches()
        clusters["eu"].requests.clear()
        bed.hub.requests.clear()
        done = first(bed, token=not fetches)
        assert "eu-west9: nothing to do" in done.err, done
        assert clusters["eu"].writes() == [] and github_writes(bed) == []
        assert tree(bed.repo.top) == before and bed.repo.git("rev-parse", "HEAD") == head
    assert bed.hub.requests == []
    bed.run()  # nor is the image


def test_what_flux_keeps_is_left_to_it(bed, clusters):
    """Flux has applied another version of the Deployment, from a later commit."""
    first(bed)
    eu = clusters["eu"]
    kind = eu.store.kind("deployments")
    live = eu.store.get(kind, "bulla-system", "bulla-agent")
    live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "bulla"
    live["spec"]["replicas"] = 3
    eu.store.change(kind, eu.store.get(kind, "bulla-system", "bulla-agent"), live)
    eu.requests.clear()
    assert "nothing to do" in first(bed).err
    assert eu.writes() == [] and eu.store.get(kind, "bulla-system", "bulla-agent")["spec"]["replicas"] == 3


def test_what_is_missing_comes_back(bed, clusters):
    first(bed)
    eu, repo = clusters["eu"], bed.repo
    eu.store.delete(eu.store.kind("clusterroles"), "", "bulla-agent")
    (repo.top / PATH / "credentials.yaml").unlink()
    eu.requests.clear()
    done = first(bed)
    assert eu.writes() == [("PATCH", "/apis/rbac.authorization.k8s.io/v1/clusterroles/bulla-agent")]
    assert "agent: CRD and agent: 1 of 21 objects are applied" in done.err
    assert repo.git("status", "--porcelain") == ""


def test_dry_run_does_nothing(bed, clusters):
    before = tree(bed.repo.top)
    done = first(bed, "--dry-run")
    assert re.search(r"^sealing-key +to do +a new key is made in the cluster$", done.out, re.M)
    assert re.search(r"^registration +to do ", done.out, re.M)
    assert clusters["eu"].writes() == [] and registered(bed) == [] and tree(bed.repo.top) == before
    assert not (bed.repo.home / ".config/bulla/pins").exists()
    first(bed)
    assert "to do" not in first(bed, "--dry-run").out


def test_json(bed):
    said = json.loads(first(bed, "-o", "json").out)
    assert said["changed"] is True and said["publicKey"] == public_key(bed) and said["left"] == []
    assert all(s["done"] for s in said["steps"] if s["name"] not in ("push", "ready"))
    again = json.loads(first(bed, "-o", "json").out)
    assert again["changed"] is False and again["keyId"] == said["keyId"]
    assert set(said) == {"changed", "dryRun", "cluster", "path", "keyId", "publicKey", "steps", "left", "next"} == set(again)
    assert said["next"] == again["next"] == ["git push"]


# --- a cluster made anew, and another -------------------------------------------------------------------


def test_a_cluster_made_anew(bed, clusters, tls):
    """The same line, and the recovery key: the same keys, nothing new at GitHub or in Git."""
    first(bed)
    keys, head = clusters["eu"].keys(), bed.repo.git("rev-parse", "HEAD")
    with Cluster(tls[1]) as anew:
        bed.point({**clusters, "eu": anew})
        done = first(bed, token=False, status=NOKEY)
        assert "-i FILE" in done.err and anew.store.all("secrets").keys() == {("bulla-system", "bulla-canary")}
        first(bed, "-i", bed.repo.recovery)
        assert anew.keys() == keys and len(registered(bed)) == 1
        assert anew.store.all("sealedcredentials")["flux-system", "flux-ssh"]["spec"] == document(bed)["spec"]
        assert bed.repo.git("rev-parse", "HEAD") == head and bed.repo.git("status", "--porcelain") == ""


def test_two_regions(bed, clusters):
    first(bed)
    other = "clusters/us-east1"
    bed.components(other)
    of = {"cluster": "us-east1", "context": "c-us", "path": other}
    done = bed.run("--image", IMAGE, "--api-url", bed.hub.url, "--token-file", bed.token, **of)
    assert "then 'bulla reseal --add us-east1'" in done.err
    config = yaml.safe_load((bed.repo.top / ".bulla/config").read_text())
    assert set(config["recipients"]) == {"eu-west9", "us-east1"}
    assert config["rules"][0] == {"path": f"{other}/**", "to": ["us-east1"]}
    assert set(document(bed, other)["spec"]["parts"]["credential"]["recipients"]) == {"us-east1", "recovery"}
    assert {k["key"] for k in registered(bed)} == {public_key(bed), public_key(bed, other)}
    assert len({k["title"] for k in registered(bed)}) == 2
    assert "0 findings, 0 warnings" in bed.repo.bulla("check").err
    before = tree(bed.repo.top)
    for cluster in clusters.values():
        cluster.requests.clear()
    assert "nothing to do" in first(bed).err and "nothing to do" in bed.run("--api-url", bed.hub.url, "--token-file", bed.token, **of).err
    assert tree(bed.repo.top) == before and all(c.writes() == [] for c in clusters.values())


def test_the_cluster_of_another_region(bed, clusters):
    first(bed)
    clusters["eu"].requests.clear()
    done = bed.run("--image", IMAGE, "--no-register", cluster="us-east1", path="clusters/us-east1", status=RECIPIENT)
    assert "context c-eu is the cluster of eu-west9, not of us-east1" in done.err and clusters["eu"].writes() == []


# --- refused before anything is done --------------------------------------------------------------------

REFUSED_LINES = [
    (["--token-file", "{token}"], {}, USAGE, "--image IMAGE is missing"),
    (["--image", "ghcr.io/barolab/bulla-agent"], {}, USAGE, "say which one, with a tag or a digest"),
    (["--image", "a b"], {}, USAGE, "--image: not the name of an image"),
    (["--image", IMAGE], {}, USAGE, "say as whom the deploy key is to be registered: --app FILE"),
    (["--image", IMAGE, "--app", "x", "--token-file", "y"], {}, USAGE, "one of the two registers the key"),
    (["--image", IMAGE, "--keys", "x"], {}, USAGE, "--keys opens the document of --app"),
    (["--image", IMAGE, "--timeout", "1m"], {}, USAGE, "--timeout goes with --wait"),
    (["--image", IMAGE, "--wait", "--timeout", "soon"], {}, USAGE, "not a span"),
    (["--image", IMAGE, "--push", "--no-commit"], {}, USAGE, "--push pushes what is committed"),
    (["--image", IMAGE], {"path": "../x"}, USAGE, "--path: not a folder below the top level"),
    (["--image", IMAGE], {"path": "/x"}, USAGE, "--path: not a folder below the top level"),
    (["--image", IMAGE], {"path": "."}, USAGE, "--path: not a folder below the top level"),
    (["--image", IMAGE], {"path": ".git/x"}, USAGE, "--path: not a folder below the top level"),
    (["--image", IMAGE], {"url": "https://github.com/barolab/foobar-infra"}, INVALID, "--url: "),
    (["--image", IMAGE], {"url": "git@github.com:barolab/foobar-infra"}, INVALID, "--url: "),
    (["--image", IMAGE], {"cluster": "recovery"}, RECIPIENT, "--cluster: "),
    (["--image", IMAGE, "--no-register"], {"context": "nowhere"}, USAGE, "nowhere"),
]


@pytest.mark.parametrize("more, of, status, text", REFUSED_LINES, ids=[f"{i}" for i in range(len(REFUSED_LINES))])
def test_refused_before_anything_is_done(bed, clusters, more, of, status, text):
    before = tree(bed.repo.top)
    done = bed.run("--recovery", bed.repo.recovery, "--api-url", bed.hub.url, *[m.format(token=bed.token) for m in more], status=status, **of)
    assert text in done.err, done
    assert tree(bed.repo.top) == before and clusters["eu"].writes() == [] and registered(bed) == []


def test_no_flux(bed, clusters):
    (bed.repo.top / PATH / "flux-system/gotk-components.yaml").unlink()
    done = first(bed, status=INVALID)
    assert f"'flux install --export > {PATH}/flux-system/gotk-components.yaml'" in done.err and "nothing was done" in done.err
    assert clusters["eu"].writes() == [] and registered(bed) == [] and not (bed.repo.top / ".bulla").exists()
    # Flux that came another way is as good
    clusters["eu"].know_flux()
    first(bed)
    assert "gotk-components" not in (bed.repo.top / PATH / "flux-system/kustomization.yaml").read_text()


@pytest.mark.parametrize("fault, status, text", [
    (Fault("GET", ".*", status=401, body={"message": "Bad credentials"}), REFUSED, "Bad credentials"),
    (Fault("GET", ".*/keys", status=404, body={"message": "Not Found"}), 7, "Administration"),
    (Fault("GET", ".*", status=200, body=b"<html>sign in</html>", headers={"Content-Type": "text/html"}), 7, "page")])
def test_a_token_that_does_not_work_is_told_first(bed, clusters, fault, status, text):
    bed.hub.faults.append(fault)
    done = first(bed, status=status)
    assert text in done.err and TOKEN not in done.err, done
    assert clusters["eu"].writes() == [] and not (bed.repo.top / ".bulla").exists()


def test_a_policy_forbids_deploy_keys(bed, clusters):
    """Known only when one is registered: what was made stays, and the next run goes on."""
    bed.hub.forbid_deploy_keys = True
    done = first(bed, status=REFUSED)
    assert "not finished, run it again to go on" in done.err and bed.repo.git("log", check=False) == ""
    key = public_key(bed)
    bed.hub.forbid_deploy_keys = False
    first(bed)
    assert [k["key"] for k in registered(bed)] == [key]


def test_a_key_that_may_write(bed):
    first(bed)
    registered(bed)[0]["read_only"] = False
    done = first(bed, status=CONFLICT)
    assert "may write" in done.err


def test_files_of_a_person(bed):
    """What was changed and still leads the way stays; what does not is named, field by field."""
    first(bed)
    file = bed.repo.top / PATH / "credentials.yaml"
    file.write_text(file.read_text().replace("interval: 10m", "interval: 1h").replace("  - name: bulla\n", "  - name: cilium\n  - name: bulla\n"))
    sync = bed.repo.top / PATH / "flux-system/gotk-sync.yaml"
    sync.write_text(sync.read_text().replace("branch: main", "branch: production"))
    bed.repo.commit("mine")
    before = tree(bed.repo.top)
    assert "GitRepository and Kustomization: 1 of 2 objects are applied" in first(bed).err
    assert "nothing to do" in first(bed).err
    assert tree(bed.repo.top) == before
    file.write_text(file.read_text().replace("  - name: bulla\n", ""))
    done = first(bed, status=CONFLICT)
    assert f"{PATH}/credentials.yaml:" in done.err and "Kustomization credentials: spec.dependsOn is not what" in done.err
    file.write_text(before[f"{PATH}/credentials.yaml"][0].decode())
    done = first(bed, "--branch", "main", status=CONFLICT)
    assert "GitRepository flux-system: spec.ref.branch" in done.err
    done = bed.run("--no-register", url="ssh://git@github.com/barolab/other", status=CONFLICT)
    assert "for another repository than --url" in done.err


def test_a_kustomization_of_a_person_gets_what_it_lacks(bed):
    text = "# ours\nresources:\n  - apps.yaml # first\n  - ../shared\n"
    bed.repo.write(f"{PATH}/kustomization.yaml", text)
    bed.repo.write(f"{PATH}/apps.yaml", "")
    bed.repo.commit("before")
    first(bed)
    made = (bed.repo.top / PATH / "kustomization.yaml").read_text()
    assert made == text.replace("  - apps", "  - flux-system\n  - bulla.yaml\n  - credentials.yaml\n  - apps")
    assert bed.repo.git("status", "--porcelain") == ""


def test_what_a_person_changed_as_well_is_not_committed(bed):
    bed.repo.bulla("init", "-r", "other", "--recovery", bed.repo.recovery)
    bed.repo.commit("before")
    config = bed.repo.top / ".bulla/config"
    config.write_text(config.read_text() + "# a remark\n")
    done = first(bed)
    assert "commit .bulla/config: changed by you as well" in done.err, done
    assert bed.repo.git("status", "--porcelain") == " M .bulla/config\n"


def test_another_image(bed, clusters):
    first(bed)
    other = IMAGE.replace("0.1.0", "0.2.0")
    done = first(bed, "--image", other, status=USAGE)
    done = bed.run("--image", other, "--no-register", status=CONFLICT)
    assert "runs another image than --image; --upgrade" in done.err
    bed.run("--image", other, "--no-register", "--upgrade")
    [deployment] = [d for (n, _), d in clusters["eu"].store.all("deployments").items() if n == "bulla-system"]
    assert {c["image"] for c in deployment["spec"]["template"]["spec"]["containers"]} == {other}
    assert bed.repo.git("status", "--porcelain") == ""


def test_left_to_the_user(bed):
    done = bed.run("--image", IMAGE, "--recovery", bed.repo.recovery, "--no-register", "--no-commit")
    assert f"register this key at {bed.url}, for reading only: {public_key(bed)}" in done.err
    assert registered(bed) == [] and bed.repo.git("log", check=False) == ""
    done = bed.run("--no-register")
    assert bed.repo.git("log", "--format=%s").strip() == "Bootstrap eu-west9"


def test_not_ready_in_time(bed):
    done = first(bed, "--wait", "--timeout", "1s", status=FINDINGS)
    assert "not ready in time: SealedCredential flux-system/flux-ssh: nobody has looked at it yet" in done.err


def test_no_token_comes_from_the_environment(bed, clusters):
    bed.repo.env.update(dict.fromkeys(("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_PAT"), TOKEN))
    said = first(bed, token=False, status=USAGE)
    assert "--token-file" in said.err and bed.hub.requests == [] and clusters["eu"].writes() == []


@pytest.mark.parametrize("more", [(), ("--recovery", "../kept/recovery.age"), ("--dry-run",)])
def test_no_passphrase_is_shown_without_a_terminal(bed, clusters, more):
    """Terraform, which runs it so, would log it."""
    done = bed.run("--image", IMAGE, "--no-register", *more, status=USAGE)
    assert "no terminal to show a new recovery key's passphrase at: 'bulla init' at one first, or name a key with --recovery" in done.err
    assert clusters["eu"].writes() == [] and not (bed.repo.top / ".bulla").exists()
    assert not list(bed.repo.path.rglob("recovery.age"))


def test_a_passphrase_is_shown_at_the_terminal(bed):
    new = bed.repo.path / "kept" / "recovery.age"
    said = Terminal(bed.repo, *bed.line("--image", IMAGE, "--no-register", "--recovery", new)).end()
    passphrase = re.search(r"shown this once:\s+([0-9a-z-]{35})\s", said).group(1)
    bed.repo.write("../passphrase", passphrase + "\n")
    bed.repo.bulla("keys", "verify", "eu-west9", "-i", new, "--passphrase-file", bed.repo.path / "passphrase")


def test_a_token_at_the_terminal(bed):
    session = Terminal(bed.repo, *bed.line("--image", IMAGE, "--recovery", bed.repo.recovery, "--api-url", bed.hub.url))
    session.answer("a GitHub token (Administration: write on barolab/foobar-infra)", TOKEN)
    assert TOKEN not in session.end()
    assert [k["key"] for k in registered(bed)] == [public_key(bed)]


def test_a_github_with_an_authority_of_its_own(bed, tls):
    """GitHub Enterprise Server, inside of a company."""
    with FakeGitHub(tls[1]) as hub:
        hub.repo(REPOSITORY)
        hub.token(TOKEN)
        line = ["--image", IMAGE, "--recovery", bed.repo.recovery, "--token-file", bed.token, "--api-url", hub.url, "--no-try"]
        done = bed.run(*line, status=7, url="ssh://git@git.example.org/barolab/foobar-infra")
        assert "certificate" in done.err and TOKEN not in done.err
        hosts = bed.repo.path / "known_hosts"
        hosts.write_text("git.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n")
        bed.run(*line, "--ca-file", tls[0], "--known-hosts", hosts, url="ssh://git@git.example.org/barolab/foobar-infra")
        assert [k["key"] for k in hub.repos[REPOSITORY].values()] == [public_key(bed)] and registered(bed) == []


def test_by_an_app(bed, tmp_path):
    """Its key is sealed, opened with the user's own; the token is for this repository alone, and given back."""
    from cryptography.hazmat.primitives import serialization
    pem, public = tmp_path / "app.pem", tmp_path / "app.pub"
    bed.repo.tool("openssl", "genrsa", "-out", str(pem), "2048")
    bed.repo.tool("openssl", "rsa", "-in", str(pem), "-pubout", "-out", str(public))
    bed.hub.app(4711, serialization.load_pem_public_key(public.read_bytes()), [REPOSITORY], {"administration": "read"})
    keys = tmp_path / "keys"
    bed.repo.bulla("init", "-r", "laptop", "--recovery", bed.repo.recovery)
    bed.repo.bulla("keys", "install", "laptop", "-i", bed.repo.recovery, "--to", keys)
    bed.repo.bulla("seal", "github-app", "app", "-n", "ops", "--app-id", "4711", "--private-key", pem, "--owner", "barolab",
                   "--url", "https://github.com/barolab/foobar-infra", "-r", "laptop", "-w", "app.yaml")
    by = ("--app", "app.yaml", "--keys", keys)
    assert re.search("^registration +to do ", first(bed, *by, "--dry-run", token=False).out, re.M)  # takes the right to read alone
    bed.hub.apps["4711"]["permissions"] = {"administration": "write"}
    done = first(bed, *by, token=False)
    assert [k["key"] for k in registered(bed)] == [public_key(bed)]
    assert "personal token" not in done.err and not [t for t in bed.hub.tokens if t.startswith("ghs_")]
