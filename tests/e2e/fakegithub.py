# SPDX-License-Identifier: Apache-2.0
"""A small GitHub on loopback: users, tokens, deploy keys, Apps, host keys, limits, with GitHub's own answers, and
faults.  Every request and every answer is held against GitHub's published OpenAPI description (the part of it in
tests/vectors/github); what does not fit stands in `violations`, which must stay empty.

    with FakeGitHub(cert) as hub:            # cert: (file, file) for TLS; None: plain HTTP
    FakeGitHub(cert, "/api/v3")              # an Enterprise Server: hub.api, and web pages elsewhere
        hub.token("ghp_...", login="octo", scopes="repo")
        hub.faults.append(Fault("GET", "/user", status=502, times=2))
"""
import base64
import dataclasses
import datetime
import http.server
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

import jsonschema
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

SLICE = json.loads((pathlib.Path(__file__).parents[1] / "vectors/github/api.github.com.json").read_text())
DOCS = "https://docs.github.com/rest"
HOST_KEYS = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"]


def as_schema(value):
    """OpenAPI 3.0 as JSON Schema: only `nullable` differs in what is used here."""
    if isinstance(value, list):
        return [as_schema(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {k: as_schema(v) for k, v in value.items() if k != "nullable"}
    return {"anyOf": [out, {"type": "null"}]} if value.get("nullable") is True else out


COMPONENTS = as_schema(SLICE["components"])


def errors_of(schema, value):
    whole = {**as_schema(schema), "components": COMPONENTS}
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
            for e in jsonschema.Draft7Validator(whole).iter_errors(value)]


def resolved(part):
    while "$ref" in part:
        _, _, group, name = part["$ref"].split("/")
        part = SLICE["components"][group][name]
    return part


def operation(method, path):
    for template, operations in SLICE["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path):
            return operations.get(method.lower())
    return None


@dataclasses.dataclass
class Fault:
    method: str  # a regular expression, as is
    path: str  # this one
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: object = None  # JSON, or bytes as they are
    delay: float = 0
    lose: bool = False  # the connection is reset, nothing was done
    lose_answer: bool = False  # it was done
    done: bool = False  # with a status: it was done all the same
    cut: bool = False  # it was done, and the answer breaks off in its middle
    skip: int = 0  # so many requests of these pass before
    times: int = 1


class Answer(Exception):
    def __init__(self, status, body=None, headers=None):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


def failed(status, message, headers=None, **more):
    return Answer(status, {"message": message, **more, "documentation_url": DOCS, "status": str(status)}, headers)


def stamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def user(login):
    url = f"https://api.github.com/users/{login}"
    return {"login": login, "id": 1, "node_id": "U_1", "avatar_url": url, "gravatar_id": "", "url": url, "html_url": url,
            "followers_url": url, "following_url": url, "gists_url": url, "starred_url": url, "subscriptions_url": url,
            "organizations_url": url, "repos_url": url, "events_url": url, "received_events_url": url, "type": "User",
            "site_admin": False, "user_view_type": "public"}


def filled(schema):
    """The least that fits a schema: what it requires, nothing more."""
    schema = resolved(schema)
    for group in ("anyOf", "oneOf", "allOf"):
        if group in schema:
            return filled(schema[group][0])
    if schema.get("nullable"):
        return None
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object" or "properties" in schema:
        return {name: filled(schema["properties"][name]) for name in schema.get("required", ())}
    text = {"date-time": stamp(0), "uri": "https://api.github.com/x", "email": "a@example.org"}.get(schema.get("format"), "")
    return {"string": text, "integer": 1, "number": 1, "boolean": False, "array": []}.get(schema.get("type"))


def answer_schema(path, method, status):
    return resolved(SLICE["paths"][path][method]["responses"][status])["content"]["application/json"]["schema"]


PRIVATE = {**dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio")), "blog": "",
           **dict.fromkeys(("public_repos", "public_gists", "followers", "following", "private_gists", "collaborators",
                            "total_private_repos", "owned_private_repos", "disk_usage"), 0),
           "created_at": stamp(0), "updated_at": stamp(0), "two_factor_authentication": True}


class FakeGitHub:
    def __init__(self, cert=None, prefix=""):
        self.prefix, self.login_first = prefix, False  # login_first: pages are for who is logged in
        self.tokens, self.repos, self.apps, self.faults = {}, {}, {}, []
        self.requests, self.violations, self.revoked = [], [], []
        self.next_id, self.host_keys, self.date_offset = 1000, list(HOST_KEYS), 0
        self.forbid_deploy_keys = False
        self.pulls, self.bare, self.default_branch = {}, {}, "main"  # bare: the repositories themselves, by name
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("H", (Handler,), {"hub": self}))
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if cert else ''}://127.0.0.1:{self.port}"
        self.api = self.url + prefix
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*cert)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    # --- what is there ---
    def token(self, text, login="octo", scopes=None, expires=None, permissions=None, repos=None):
        self.tokens[text] = {"login": login, "scopes": scopes, "expires": expires,
                             "permissions": permissions or {"administration": "write"}, "repos": repos}
        return text

    def repo(self, name):
        return self.repos.setdefault(name, {})

    def app(self, app_id, public_key, repos, permissions, suspended=None):
        self.apps[str(app_id)] = {"key": public_key, "repos": set(repos), "permissions": permissions,
                                  "installation": 5000 + len(self.apps), "suspended": suspended}

    def add_key(self, repo, key, title="a key", read_only=True, last_used=None, added_by="octo"):
        self.next_id += 1
        entry = {"id": self.next_id, "key": " ".join(key.split()[:2]), "title": title, "verified": True,
                 "url": f"https://api.github.com/repos/{repo}/keys/{self.next_id}", "created_at": stamp(time.time()),
                 "read_only": read_only, "added_by": added_by, "last_used": last_used,
                 "enabled": not self.forbid_deploy_keys}
        self.repo(repo)[self.next_id] = entry
        return entry

    # --- pull requests: what GitHub's own pages do ---
    def git_of(self, name, *args, check=True):
        done = subprocess.run(["git", "--git-dir", self.bare[name], *args], capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
                                   **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}})
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip() if done.returncode == 0 else None

    def merge(self, name, number, squash=False):
        pull = self.pulls[name][number]
        base, head = (self.git_of(name, "rev-parse", f"refs/heads/{pull[end]['ref']}") for end in ("base", "head"))
        tree = self.git_of(name, "merge-tree", "--write-tree", base, head)
        parents = ["-p", base] if squash else ["-p", base, "-p", head]
        commit = self.git_of(name, "commit-tree", *parents, "-m", f"Merge pull request #{number}", tree)
        self.git_of(name, "update-ref", f"refs/heads/{pull['base']['ref']}", commit)
        pull.update(state="closed", merged=True, merged_at=stamp(time.time()), closed_at=stamp(time.time()), merge_commit_sha=commit)

    def close(self, name, number, state="closed"):
        self.pulls[name][number]["state"] = state

    def may(self, request, name, *needs):
        """needs: (permission, level), of which a token for other things has none."""
        who = self.who(request)
        if name not in self.repos or (who["repos"] is not None and name not in who["repos"]):
            raise failed(404, "Not Found")
        for permission, level in needs:
            has = who["permissions"].get(permission)
            if has is None or (level == "write" and has != "write"):
                raise failed(403, "Resource not accessible by personal access token",
                             {"X-Accepted-GitHub-Permissions": f"{permission}={level}"})
        return who

    def get_repo(self, request, _query, name):
        self.may(request, name)
        owner, short = name.split("/")
        return Answer(200, {**filled(answer_schema("/repos/{owner}/{repo}", "get", "200")), "name": short, "full_name": name,
                            "owner": user(owner), "default_branch": self.default_branch})

    def list_pulls(self, request, query, name):
        self.may(request, name, ("pull_requests", "read"))
        state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
        found = [p for p in self.pulls.get(name, {}).values()
                 if state in ("all", p["state"]) and head in (None, p["head"]["label"]) and base in (None, p["base"]["ref"])]
        keys = SLICE["components"]["schemas"]["pull-request-simple"]["properties"]
        return Answer(200, [{k: v for k, v in p.items() if k in keys} for p in reversed(found)])

    def get_pull(self, request, _query, name, number):
        self.may(request, name, ("pull_requests", "read"))
        if int(number) not in self.pulls.get(name, {}):
            raise failed(404, "Not Found")
        return Answer(200, self.pulls[name][int(number)])

    def refuse_pull(self, **error):
        raise failed(422, "Validation Failed", errors=[{"resource": "PullRequest", **error}])

    def post_pull(self, request, _query, name):
        who, body = self.may(request, name, ("pull_requests", "write")), request.json
        if who["permissions"].get("contents") is None:
            self.refuse_pull(code="custom", message="not all refs are readable")
        ends = {end: self.git_of(name, "rev-parse", "-q", "--verify", f"refs/heads/{body[end]}", check=False) for end in ("base", "head")}
        for end, commit in ends.items():
            if commit is None:
                self.refuse_pull(field=end, code="invalid")
        if self.git_of(name, "rev-list", "--count", f"{ends['base']}..{ends['head']}") == "0":
            self.refuse_pull(code="custom", message=f"No commits between {body['base']} and {body['head']}")
        owner, pulls = name.split("/")[0], self.pulls.setdefault(name, {})
        if any(p["state"] == "open" and (p["head"]["ref"], p["base"]["ref"]) == (body["head"], body["base"]) for p in pulls.values()):
            self.refuse_pull(code="custom", message=f"A pull request already exists for {owner}:{body['head']}.")
        number = len(pulls) + 1
        pull = filled(answer_schema("/repos/{owner}/{repo}/pulls", "post", "201"))
        pull.update(number=number, state="open", title=body["title"], body=body["body"], merged=False, merged_at=None,
                    merge_commit_sha="7" * 40, user=user(who["login"]), html_url=f"https://github.com/{name}/pull/{number}")
        for end in ends:
            pull[end].update(ref=body[end], label=f"{owner}:{body[end]}", sha=ends[end])
        pulls[number] = pull
        return Answer(201, pull)

    # --- what is asked ---
    def handle(self, request):
        path = urllib.parse.urlsplit(request.path)
        for pattern, method, function in ROUTES:
            match = re.fullmatch(pattern, path.path)
            if match and method == request.command:
                function = getattr(type(self), function.__name__)  # HubServer does more
                return function(self, request, dict(urllib.parse.parse_qsl(path.query)), *match.groups())
        raise failed(404, "Not Found")

    def page(self):
        """What is no part of the API, at an Enterprise Server."""
        html = {"Content-Type": "text/html; charset=utf-8"}
        if self.login_first:
            return Answer(302, b"<html>You are being redirected.</html>", {**html, "Location": f"{self.url}/login"})
        return Answer(404, b"<!DOCTYPE html><title>Page not found</title>", html)

    def who(self, request):
        text = request.headers.get("Authorization", "")
        if not text:
            raise failed(401, "Requires authentication")
        found = self.tokens.get(text.removeprefix("Bearer "))
        if found is None or not text.startswith("Bearer "):
            raise failed(401, "Bad credentials")
        return found

    def keys_of(self, request, name, level):
        who = self.who(request)
        if name not in self.repos or (who["repos"] is not None and name not in who["repos"]):
            raise failed(404, "Not Found")
        has = who["permissions"].get("administration")
        if has is None or (level == "write" and has != "write"):
            raise failed(403, "Resource not accessible by personal access token",
                         {"X-Accepted-GitHub-Permissions": f"administration={level}"})
        return self.repos[name]

    def get_user(self, request, _query):
        return Answer(200, {**user(self.who(request)["login"]), **PRIVATE})

    def get_limit(self, request, _query):
        self.who(request)
        core = {"limit": 5000, "used": 1, "remaining": 4999, "reset": int(time.time()) + 3600}
        return Answer(200, {"resources": {"core": core, "search": core}, "rate": core})

    def get_meta(self, _request, _query):
        return Answer(200, {"verifiable_password_authentication": False, "ssh_keys": self.host_keys})

    def list_keys(self, request, query, name):
        keys = list(self.keys_of(request, name, "read").values())
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        headers = {}
        if page * size < len(keys):
            here = f"http{'s' if request.tls else ''}://{request.headers['Host']}{self.prefix}"
            headers["Link"] = (f'<{here}/repos/{name}/keys?per_page={size}&page={page + 1}>; rel="next", '
                               f'<{here}/repos/{name}/keys?per_page={size}&page={-(-len(keys) // size)}>; rel="last"')
        return Answer(200, keys[(page - 1) * size:page * size], headers)

    def post_key(self, request, _query, name):
        self.keys_of(request, name, "write")
        body = request.json
        if self.forbid_deploy_keys:
            raise failed(422, "Deploy keys are disabled for this repository")
        if not re.fullmatch(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) AAAA[A-Za-z0-9+/]+=*", body["key"]):
            raise failed(422, "Validation Failed", errors=[
                {"resource": "PublicKey", "code": "custom", "field": "key",
                 "message": "key is invalid. You must supply a key in OpenSSH public key format"}])
        if any(k["key"] == body["key"] for keys in self.repos.values() for k in keys.values()):
            raise failed(422, "Validation Failed", errors=[
                {"resource": "PublicKey", "code": "custom", "field": "key", "message": "key is already in use"}])
        entry = self.add_key(name, body["key"], body.get("title", ""), body.get("read_only", False))
        return Answer(201, entry, {"Location": entry["url"]})

    def get_key(self, request, _query, name, number):
        keys = self.keys_of(request, name, "read")
        if int(number) not in keys:
            raise failed(404, "Not Found")
        return Answer(200, keys[int(number)])

    def delete_key(self, request, _query, name, number):
        if self.keys_of(request, name, "write").pop(int(number), None) is None:
            raise failed(404, "Not Found")
        return Answer(204)

    def app_of(self, request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            head, claims, signature = token.split(".")
            decoded = [json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in (head, claims)]
            app = self.apps[decoded[1]["iss"]]
            app["key"].verify(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)),
                              f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except Exception as why:
            raise failed(401, "A JSON web token could not be decoded") from why
        now = time.time() + self.date_offset
        if decoded[0] != {"alg": "RS256", "typ": "JWT"} or decoded[1]["exp"] - now > 600 or decoded[1]["exp"] <= now:
            raise failed(401, "'Expiration time' claim ('exp') is too far in the future")
        if decoded[1]["iat"] > now:
            raise failed(401, "'Issued at' claim ('iat') must be an Integer representing the time that the "
                              "assertion was issued")
        return app

    def get_installation(self, request, _query, name):
        app = self.app_of(request)
        if name not in app["repos"]:
            raise failed(404, "Not Found")
        url = "https://api.github.com/app/installations/1"
        return Answer(200, {
            "id": app["installation"], "account": user(name.split("/")[0]), "access_tokens_url": url, "repositories_url": url,
            "html_url": url, "app_id": 1, "target_id": 1, "target_type": "Organization", "permissions": app["permissions"],
            "events": [], "created_at": stamp(0), "updated_at": stamp(0), "single_file_name": None,
            "repository_selection": "selected", "suspended_by": None, "suspended_at": app["suspended"],
            "app_slug": "bulla"})

    def post_token(self, request, _query, number):
        app = self.app_of(request)
        if int(number) != app["installation"]:
            raise failed(404, "Not Found")
        asked, names = request.json.get("permissions", {}), request.json.get("repositories", [])
        if any(asked[p] == "write" and app["permissions"].get(p) != "write" or p not in app["permissions"]
               for p in asked):
            raise failed(422, "The permissions requested are not granted to this installation.")
        repos = {r for r in app["repos"] if r.split("/")[1] in names}
        token = self.token(f"ghs_1_{secrets.token_urlsafe(300)}.{secrets.token_urlsafe(60)}.x", login="bulla[bot]",
                           permissions={**asked}, repos=repos)
        return Answer(201, {"token": token, "expires_at": stamp(time.time() + 3600), "permissions": asked,
                            "repository_selection": "selected" if names else "all"})

    def delete_token(self, request, _query):
        self.who(request)
        self.tokens.pop(request.headers["Authorization"].removeprefix("Bearer "))
        return Answer(204)

    def revoke(self, request, _query):
        if "Authorization" in request.headers:
            raise failed(403, "Authenticated requests are not allowed")
        self.revoked += request.json["credentials"]
        for token in request.json["credentials"]:
            self.tokens.pop(token, None)
        return Answer(202, {})

    # --- what GitHub itself says about both ---
    def check_request(self, request):
        spec = operation(request.command, urllib.parse.urlsplit(request.path).path)
        if spec is None:
            return
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.path).query))
        known = {p["name"] for p in map(resolved, spec.get("parameters", [])) if p["in"] == "query"}
        self.violations += [f"request: unknown parameter {name}" for name in query if name not in known]
        content = spec.get("requestBody", {}).get("content", {}).get("application/json")
        if content:
            self.violations += [f"request: {e}" for e in errors_of(content["schema"], request.json)]
            extra = set(request.json) - set(content["schema"].get("properties", {}))
            self.violations += [f"request: unknown member {name}" for name in extra]
        elif request.json is not None:
            self.violations.append(f"request: {request.command} {request.path} has a body")
        for name, value in (("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28")):
            if request.headers.get(name) != value:
                self.violations.append(f"request: {name}: {request.headers.get(name)}")
        if not request.headers.get("User-Agent", "").startswith("bulla/"):
            self.violations.append("request: no User-Agent")

    def check_answer(self, request, answer):
        spec = operation(request.command, urllib.parse.urlsplit(request.path).path)
        if spec is None:
            return
        described = spec["responses"].get(str(answer.status))
        if described is None:
            if answer.status < 300:
                self.violations.append(f"answer: {answer.status} is not described for {request.path}")
            return
        schema = resolved(described).get("content", {}).get("application/json", {}).get("schema")
        if schema:
            self.violations += [f"answer: {e}" for e in errors_of(schema, answer.body)]


REPO = r"/repos/([^/]+/[^/]+)"
ROUTES = [
    (r"/user", "GET", FakeGitHub.get_user), (r"/rate_limit", "GET", FakeGitHub.get_limit),
    (r"/meta", "GET", FakeGitHub.get_meta), (REPO + "/keys", "GET", FakeGitHub.list_keys),
    (REPO + "/keys", "POST", FakeGitHub.post_key), (REPO + r"/keys/(\d+)", "GET", FakeGitHub.get_key),
    (REPO + r"/keys/(\d+)", "DELETE", FakeGitHub.delete_key),
    (REPO, "GET", FakeGitHub.get_repo), (REPO + "/pulls", "GET", FakeGitHub.list_pulls),
    (REPO + "/pulls", "POST", FakeGitHub.post_pull), (REPO + r"/pulls/(\d+)", "GET", FakeGitHub.get_pull),
    (REPO + "/installation", "GET", FakeGitHub.get_installation),
    (r"/app/installations/(\d+)/access_tokens", "POST", FakeGitHub.post_token),
    (r"/installation/token", "DELETE", FakeGitHub.delete_token),
    (r"/credentials/revoke", "POST", FakeGitHub.revoke),
]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None
    timeout = 30

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.hub.date_offset if timestamp is None else timestamp)

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def fault(self):
        with self.hub.lock:
            for f in self.hub.faults:
                if f.times > 0 and re.fullmatch(f.method, self.command) and re.fullmatch(f.path, self.path.split("?")[0]):
                    if f.skip > 0:
                        f.skip -= 1
                        continue
                    f.times -= 1
                    return f
        return None

    def serve(self):
        hub = self.hub
        self.tls = isinstance(self.connection, ssl.SSLSocket)
        length = int(self.headers.get("Content-Length", 0))
        raw = self.rfile.read(length)
        self.json = json.loads(raw) if raw else None
        hub.requests.append((self.command, self.path, self.headers))
        if not self.path.startswith(hub.prefix + "/"):
            return self.send(hub.page())
        self.path = self.path.removeprefix(hub.prefix)
        fault = self.fault()
        if fault and fault.delay:
            time.sleep(fault.delay)
        if fault and fault.lose:
            return self.reset()
        if fault and fault.status and not fault.done:
            return self.send_fault(fault)
        with hub.lock:
            hub.check_request(self)
            try:
                answer = hub.handle(self)
            except Answer as refusal:
                answer = refusal
            hub.check_answer(self, answer)
        if fault and fault.lose_answer:
            return self.reset()
        if fault and fault.status:
            return self.send_fault(fault)
        return self.send(answer, cut=bool(fault and fault.cut))

    def send_fault(self, fault):
        """Refusals are held against the description too; what is to be no answer of GitHub's is not."""
        answer = Answer(fault.status, fault.body, fault.headers)
        if fault.status >= 400 and isinstance(fault.body, dict):
            with self.hub.lock:
                self.hub.check_request(self)
                self.hub.check_answer(self, answer)
        return self.send(answer)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = serve

    def send(self, answer, cut=False):
        raw = answer.body if isinstance(answer.body, bytes) else b"" if answer.body is None else json.dumps(answer.body).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"} if raw else {}
        headers |= {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999",
                    "X-RateLimit-Reset": str(int(time.time()) + 3600)}
        token = self.hub.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if token:
            headers["X-OAuth-Scopes"] = token["scopes"] or ""
            if token["expires"]:
                headers["github-authentication-token-expiration"] = token["expires"]
        headers |= answer.headers
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw[:len(raw) // 2] if cut else raw)
        if cut:
            self.close_connection = True
