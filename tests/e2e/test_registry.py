# SPDX-License-Identifier: Apache-2.0
"""The pull check against Debian's docker-registry, with skopeo as the second client, and against
registries that misbehave."""
import json
import os
import shutil
import subprocess

import pytest
import registries

ROBOT = ("robot", "good:password ✓")
WRITER = ("writer", "writer-password")
OTHER = ("other", "other-password")


def need(program):
    if shutil.which(program) is None:
        why = f"{program} is not installed"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


class Asker:
    def __init__(self, bin_dir, folder, ca):
        self.tool, self.folder, self.ca = bin_dir / "tools" / "live_tool", folder, ca

    def __call__(self, image, login, *options, ca=None):
        done = subprocess.run([self.tool, "registry", "--ca", ca or self.ca, *options, image, login[0]],
                              input=login[1].encode(), capture_output=True, timeout=60,
                              env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"})
        assert done.returncode in (0, 3, 6, 7), done.stderr.decode()
        said = json.loads(done.stdout)
        assert login[1] not in done.stdout.decode() and login[1] not in done.stderr.decode()
        assert (done.returncode == 0) == (said.get("verdict") == "pulls")
        return {**said, "status": done.returncode}


@pytest.fixture(scope="module")
def bed(tmp_path_factory, bin_dir):
    for program in ("docker-registry", "skopeo", "htpasswd"):
        need(program)
    folder = tmp_path_factory.mktemp("registries")
    authority = registries.Authority(folder)
    pair = authority.issue("server")
    tokens = registries.Tokens(authority, folder)
    tokens.users = {
        ROBOT[0]: (ROBOT[1], {"org/app": ("pull",)}),
        WRITER[0]: (WRITER[1], {"org/app": ("pull", "push")}),
        OTHER[0]: (OTHER[1], {}),
    }

    class Bed:
        pass

    b = Bed()
    b.folder, b.authority, b.pair, b.tokens = folder, authority, pair, tokens
    b.ask = Asker(bin_dir, folder, authority.ca)
    b.skopeo = registries.Skopeo(folder, authority.ca)
    b.token_server = registries.Server(pair, tokens)
    (folder / "bearer").mkdir()
    b.bearer = registries.Registry(folder / "bearer", pair, {"token": {
        "realm": f"{b.token_server.url}/token", "service": registries.SERVICE, "issuer": registries.ISSUER,
        "rootcertbundle": str(tokens.crt)}})
    (folder / "basic").mkdir()
    passwords = folder / "htpasswd"
    for i, login in enumerate((ROBOT, WRITER)):
        subprocess.run(["htpasswd", "-i", "-B", *(["-c"] if i == 0 else []), passwords, login[0]], input=login[1].encode(),
                       check=True, capture_output=True)
    b.basic = registries.Registry(folder / "basic", pair, {"htpasswd": {"realm": "a \"realm\"", "path": str(passwords)}})
    try:
        registries.layout(folder / "image")
        b.digest = b.skopeo.push(folder / "image", f"{b.bearer.host}/org/app:v1", WRITER)
        b.skopeo.push(folder / "image", f"{b.basic.host}/org/app:v1", WRITER)
        yield b
    finally:
        b.bearer.close()
        b.basic.close()
        b.token_server.__exit__()


# name of the registry, image, login, what we say, step, words of the error
ASKED = [
    ("bearer", "org/app:v1", ROBOT, "pulls", 2, ""),
    ("bearer", "org/app:v1", WRITER, "pulls", 2, ""),
    ("bearer", "org/app@{digest}", ROBOT, "pulls", 2, ""),
    ("bearer", "org/app:v1@{digest}", ROBOT, "pulls", 2, ""),
    ("bearer", "org/app:v1", (ROBOT[0], "wrong"), "login-refused", 1, "refuses the user name or the password (status 401 DENIED)"),
    ("bearer", "org/app:v1", ("nobody", ROBOT[1]), "login-refused", 1, "step 1 of 2, the login"),
    ("bearer", "org/app:v1", OTHER, "no-right", 2, "does not allow to pull this image"),
    ("bearer", "org/secret:v1", ROBOT, "no-right", 2, "step 2 of 2, the image"),
    ("bearer", "org/app:v2", ROBOT, "no-image", 2, "has no such tag"),
    ("bearer", "org/app", ROBOT, "no-image", 2, "has no such tag"),
    ("bearer", "org/app@sha256:" + "0" * 64, ROBOT, "no-image", 2, "has no such digest"),
    ("basic", "org/app:v1", ROBOT, "pulls", 2, ""),
    ("basic", "org/app@{digest}", ROBOT, "pulls", 2, ""),
    ("basic", "org/app:v1", (ROBOT[0], "wrong"), "login-refused", 1, "refuses the user name or the password (status 401"),
    ("basic", "org/app:v1", OTHER, "login-refused", 1, "step 1 of 2, the login"),
    ("basic", "org/app:v2", ROBOT, "no-image", 2, "has no such tag"),
    ("basic", "org/none:v1", ROBOT, "no-image", 2, "status 404"),
]


@pytest.mark.parametrize("name,image,login,verdict,step,words", ASKED,
                         ids=[f"{a[0]}-{a[1][:12]}-{a[3]}-{i}" for i, a in enumerate(ASKED)])
def test_asked(bed, name, image, login, verdict, step, words):
    whole = f"{getattr(bed, name).host}/{image.format(digest=bed.digest)}"
    said = bed.ask(whole, login)
    assert said["verdict"] == verdict and said["step"] == step, said
    assert words in said["error"], said["error"]
    if verdict == "pulls":
        assert said["digest"] == bed.digest and said["error"] == ""
    else:
        assert said["status"] == 6 and "ImagePullBackOff" in said["error"]
    # the second client, which takes no name with tag and digest
    if ":v1@" not in image:
        pulls, why = bed.skopeo.pulls(whole, login)
        assert pulls == (verdict == "pulls"), why


def test_login_goes_where_it_should(bed):
    """The registry sees the token alone, the token server the login alone, and the note says where it went."""
    before = len(bed.token_server.requests)
    said = bed.ask(f"{bed.bearer.host}/org/app:v1", ROBOT)
    seen = bed.token_server.requests[before:]
    assert len(seen) == 1 and seen[0][0] == "GET"
    assert seen[0][1] == f"/token?service={registries.SERVICE}&scope=repository:org/app:pull"
    assert said["login_host"] == f"127.0.0.1:{bed.token_server.port}"
    assert any("has its logins checked by" in n for n in said["notes"])


@pytest.mark.parametrize("login,push", [(ROBOT, "no"), (WRITER, "yes")])
def test_push(bed, login, push):
    said = bed.ask(f"{bed.bearer.host}/org/app:v1", login, "--push")
    assert said["verdict"] == "pulls" and said["push"] == push
    assert any("may also push" in n for n in said["notes"]) == (push == "yes")


def test_push_untold_by_basic(bed):
    assert bed.ask(f"{bed.basic.host}/org/app:v1", WRITER, "--push")["push"] == "untold"


def test_token_refused_for_the_image_alone(bed):
    """GHCR says 403 of a bad login and of a good one without the right: asked once more, without the image."""
    bed.tokens.hide, bed.tokens.refusal = True, 403
    try:
        said = bed.ask(f"{bed.bearer.host}/org/app:v1", OTHER)
        assert said["verdict"] == "no-right" and said["step"] == 1 and "knows the login" in said["error"]
        said = bed.ask(f"{bed.bearer.host}/org/app:v1", (OTHER[0], "wrong"))
        assert said["verdict"] == "login-refused" and "403 DENIED" in said["error"]
    finally:
        bed.tokens.hide, bed.tokens.refusal = False, 401


def test_registry_down(bed):
    port = registries.free_port()
    said = bed.ask(f"127.0.0.1:{port}/org/app:v1", ROBOT)
    assert said["verdict"] == "down" and said["status"] == 7 and said["step"] == 0
