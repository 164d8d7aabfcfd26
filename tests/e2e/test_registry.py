# SPDX-License-Identifier: Apache-2.0
"""The pull check against Debian's docker-registry, with skopeo as the second client, and against
registries that misbehave."""
import json
import os
import shutil
import subprocess
import sys

import pytest
import registries
from registries import processes

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


STARTS = """import pathlib, sys, time
import registries
folder = pathlib.Path(sys.argv[1])
authority = registries.Authority(folder)
registry = registries.Registry(folder, authority.issue("server"), {"htpasswd": {"realm": "r", "path": str(folder / "none")}})
print(registry.server.pid, flush=True)
time.sleep(60)
"""


def is_running(pid):
    """Not one that has ended and that nobody has asked about yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_registry_ends_with_who_started_it(bed, tmp_path):
    """Also where that was killed and could not end it."""
    with subprocess.Popen([sys.executable, "-c", STARTS, tmp_path], stdout=subprocess.PIPE,
                          env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)}) as starter:
        pid = int(starter.stdout.readline())
        assert is_running(pid)
        starter.kill()
    processes.wait_for(lambda: not is_running(pid), 10, "the end of docker-registry")


# --- registries that misbehave ------------------------------------------------------------------------

MANIFEST_HEADERS = [("Content-Type", registries.MANIFEST), ("Docker-Content-Digest", "sha256:" + "1" * 64)]
JSON = [("Content-Type", "application/json")]
PAGE = (200, [("Content-Type", "text/html")], b"<html>Sign in to the guest network</html>")


def wants(field, *more):
    """A registry that asks for that login, and gives the manifest to whoever has one."""
    def answer(request):
        if "Authorization" in request.headers:
            return 200, MANIFEST_HEADERS, b"{}"
        return 401, [("WWW-Authenticate", f) for f in (field, *more)], b""
    return answer


@pytest.fixture
def odd(bed):
    """odd(answer) is a server with that answer; all end with the test."""
    servers = []

    def start(answer, pair=None):
        servers.append(registries.Server(pair or bed.pair, answer))
        return servers[-1]

    yield start
    for server in servers:
        server.__exit__()


def image(server):
    return f"127.0.0.1:{server.port}/org/app:v1"


HOSTILE = [
    ("Bearer realm=\"http://127.0.0.1:1/token\"", "unsafe", "without https://"),
    ("Bearer realm=\"http://example.com/token\"", "unsafe", "without https://"),
    ("Bearer realm=\"ftp://example.com/token\"", "unsafe", "without https://"),
    ("Bearer realm=\"//example.com/token\"", "unsafe", "without https://"),
    ("Bearer realm=\"file:///etc/passwd\"", "unsafe", "without https://"),
    ("Bearer realm=\"\"", "unsafe", "without https://"),
    ("Bearer realm=\"https://a b/token\"", "unsafe", "no address"),
    ("Bearer realm=\"https://127.0.0.1/token#x\"", "unsafe", "no address"),
    ("Bearer realm=\"https://127.0.0.1\\\\@example.com/\"", "unsafe", "no address"),
    ("Bearer realm=\"https://user:pw@127.0.0.1/token\"", "unsafe", "token endpoint that"),
    ("Bearer realm=\"https://\"", "unsafe", "token endpoint that"),
    ("Bearer realm=\"https://127.0.0.1:99999/\"", "unsafe", "token endpoint that"),
    ("Bearer realm=\"https://x/\",realm=\"https://y/\"", "not-a-registry", "stands twice"),
    ("Bearer realm=\"https://x/", "not-a-registry", "does not end"),
    ("Negotiate", "not-a-registry", "asks for Negotiate"),
    ("Digest realm=\"x\", nonce=\"y\"", "not-a-registry", "asks for Digest"),
    ("Bearer realm=\"" + "a" * 3000 + "\"", "not-a-registry", "too long"),
    ("x" * 9000, "not-a-registry", "bytes"),
]


@pytest.mark.parametrize("field,verdict,words", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_challenge(bed, odd, field, verdict, words):
    server = odd(wants(field))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == verdict and words in said["error"], said
    assert said["status"] == 3 and server.logins() == []
    assert ROBOT[1] not in said["error"]


def test_no_challenge(bed, odd):
    said = bed.ask(image(odd(lambda r: (401, [], b""))), ROBOT)
    assert said["verdict"] == "not-a-registry" and "not what login it wants" in said["error"]


def test_two_fields(bed, odd):
    """Basic and Bearer in fields of their own: Bearer is taken."""
    endpoint = odd(lambda r: (200, JSON, b'{"access_token":"abc"}'))
    server = odd(wants("Basic realm=\"x\"", f"Bearer realm=\"{endpoint.url}/t?a=b\",service=\"a b&c\""))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == "pulls" and server.logins() == ["Bearer abc"]
    assert endpoint.requests[0][1] == "/t?a=b&service=a%20b%26c&scope=repository:org/app:pull"


def test_realm_on_another_host(bed, odd):
    """It goes there, over TLS, and that is said; the registry itself never sees the password."""
    endpoint = odd(lambda r: (200, JSON, b'{"token":"abc"}'))
    server = odd(wants(f"Bearer realm=\"https://localhost:{endpoint.port}/token\",service=\"s\""))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == "pulls" and said["login_host"] == f"localhost:{endpoint.port}"
    assert f"127.0.0.1:{server.port} has its logins checked by localhost:{endpoint.port}, which got this one" in said["notes"]
    assert registries.basic(endpoint.requests[0][2]) == ROBOT
    assert server.logins() == ["Bearer abc"]


def test_realm_without_our_authority(bed, odd, tmp_path):
    """A token endpoint whose certificate does not verify gets nothing."""
    endpoint = odd(lambda r: (200, JSON, b'{"token":"abc"}'), registries.Authority(tmp_path).issue("evil"))
    said = bed.ask(image(odd(wants(f"Bearer realm=\"{endpoint.url}/token\""))), ROBOT)
    assert said["verdict"] == "down" and said["step"] == 1 and endpoint.requests == []


REDIRECTS = ["/v2/elsewhere", "https://example.com/v2/", "http://127.0.0.1:1/", "https://u:p@127.0.0.1/?secret=1"]


@pytest.mark.parametrize("to", REDIRECTS)
@pytest.mark.parametrize("where", ["registry", "endpoint", "manifest"])
def test_no_redirect_is_followed(bed, odd, where, to):
    away = (307, [("Location", to)], b"")
    endpoint = odd(lambda r: away if where == "endpoint" else (200, JSON, b'{"token":"abc"}'))
    ask = wants(f"Bearer realm=\"{endpoint.url}/token\"")
    server = odd(lambda r: away if where == "registry" or (where == "manifest" and "Authorization" in r.headers) else ask(r))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == "not-a-registry" and "which no login follows" in said["error"]
    assert said["step"] == {"registry": 0, "endpoint": 1, "manifest": 2}[where] and "secret=1" not in said["error"]
    assert len(server.requests) <= 2 and len(endpoint.requests) <= 1


TOKENS = [
    (PAGE, "not-a-registry"),
    ((200, JSON, b""), "not-a-registry"),
    ((200, JSON, b"[]"), "not-a-registry"),
    ((200, JSON, b"{}"), "not-a-registry"),
    ((200, JSON, b'{"token":""}'), "not-a-registry"),
    ((200, JSON, b'{"token":7}'), "not-a-registry"),
    ((200, JSON, b'{"token":"a b"}'), "not-a-registry"),
    ((200, JSON, b'{"token":"a\\r\\nX: y"}'), "not-a-registry"),
    ((200, JSON, json.dumps({"token": "a" * 70000}).encode()), "not-a-registry"),
    ((200, JSON, b'{"token":"' + b"a" * 200000 + b'"}'), "not-a-registry"),
    ((400, JSON, b"{}"), "not-a-registry"),
    ((404, JSON, b"{}"), "not-a-registry"),
    ((401, JSON, b'{"errors":[{"code":"<script>"}]}'), "login-refused"),
    ((429, [("Retry-After", "3600")], b""), "rate-limited"),
    ((500, [], b""), "down"),
]


@pytest.mark.parametrize("reply,verdict", TOKENS, ids=range(len(TOKENS)))
def test_token_endpoint(bed, odd, reply, verdict):
    endpoint = odd(lambda r: reply)
    server = odd(wants(f"Bearer realm=\"{endpoint.url}/token\""))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == verdict and said["step"] == 1, said
    assert "<script>" not in said["error"] and server.logins() == []


@pytest.mark.parametrize("reply,verdict,words", [
    (PAGE, "not-a-registry", "does not answer as a registry"),
    ((200, JSON, b"{}"), "not-a-registry", "does not answer with a manifest"),
    ((404, [("Content-Type", "text/html")], b"<html>"), "not-a-registry", "does not answer as a registry"),
    ((429, [("Retry-After", "3600")], b""), "rate-limited", "Retry-After: 3600"),
    ((503, [], b""), "down", "is in trouble"),
])
def test_registry_without_sense(bed, odd, reply, verdict, words):
    server = odd(lambda r: reply)
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == verdict and words in said["error"], said
    assert server.logins() == []


def test_rate_limit_that_ends_soon(bed, odd):
    """What says that it ends in a second is asked again."""
    ask, tries = wants("Basic realm=\"x\""), []

    def answer(request):
        tries.append(request.path)
        return (429, [("Retry-After", "1")], b"") if len(tries) == 1 else ask(request)

    assert bed.ask(image(odd(answer)), ROBOT)["verdict"] == "pulls" and len(tries) == 3


@pytest.mark.parametrize("status,headers,verdict", [
    (401, [("WWW-Authenticate", "Bearer realm=\"x\",error=\"invalid_token\"")], "not-a-registry"),
    (401, [("WWW-Authenticate", "Bearer realm=\"x\",error=\"insufficient_scope\"")], "no-right"),
    (403, [], "no-right"),
    (404, [], "no-image"),
    (400, [], "not-a-registry"),
])
def test_image_refused(bed, odd, status, headers, verdict):
    endpoint = odd(lambda r: (200, JSON, b'{"token":"opaque"}'))
    ask = wants(f"Bearer realm=\"{endpoint.url}/token\"")
    server = odd(lambda r: (status, headers, b"") if "Authorization" in r.headers else ask(r))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == verdict and said["step"] == 2, said


def test_other_digest(bed, odd):
    said = bed.ask(f"127.0.0.1:{odd(wants('Basic')).port}/org/app@sha256:{'2' * 64}", ROBOT)
    assert said["verdict"] == "not-a-registry" and "another digest" in said["error"]


def test_nobody_asks(bed, odd):
    """A registry without logins: it pulls, and nothing is proven; the login is not sent."""
    server = odd(lambda r: (200, MANIFEST_HEADERS if "manifests" in r.path else JSON, b"{}"))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == "pulls" and said["unasked"] and said["open"] and server.logins() == []
    assert any("asks nobody for a login" in n for n in said["notes"])


def test_open_image_of_a_registry_with_logins(bed, odd):
    """What anyone may pull proves nothing of the login, so the login is asked for at /v2/."""
    ask = wants("Basic realm=\"x\"")
    server = odd(lambda r: (200, MANIFEST_HEADERS, b"{}") if "manifests" in r.path else ask(r))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == "pulls" and said["open"] and not said["unasked"] and len(server.logins()) == 1
    assert any("without any login" in n for n in said["notes"])


@pytest.mark.parametrize("issue", [
    {"begin": -30, "end": -1}, {"begin": 2, "end": 30}, {"names": ("example.com",)}],
    ids=["expired", "not-yet", "other-name"])
def test_certificate(bed, odd, issue):
    server = odd(wants("Basic"), bed.authority.issue("bad", **issue))
    said = bed.ask(image(server), ROBOT)
    assert said["verdict"] == "down" and said["step"] == 0, said
    # what is asked without trust is the server's clock alone
    assert server.logins() == [] and not any("org/app" in r[1] for r in server.requests)


def test_plain_http(bed):
    """For a literal loopback address alone, and only when asked for."""
    with registries.Server(None, wants("Basic realm=\"x\"")) as server:
        assert bed.ask(image(server), ROBOT, "--http")["verdict"] == "pulls"
        assert bed.ask(image(server), ROBOT)["verdict"] == "down"
    done = bed.ask("example.com/org/app:v1", ROBOT, "--http")
    assert done["status"] == 3


@pytest.mark.parametrize("user", ["a:b", "", "a\nb"])
def test_user_that_basic_cannot_carry(bed, odd, user):
    server = odd(wants("Basic"))
    assert bed.ask(image(server), (user, "a password"))["status"] == 3 and server.requests == []
