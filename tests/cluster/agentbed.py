# SPDX-License-Identifier: Apache-2.0
"""bulla-agent on a real API server: the manifests applied, documents sealed by the real bulla, the real agent as
its own service account.

    with Bed(plane, folder) as bed:              # the cluster install; install="namespaces" for the other
        ns = bed.namespace()
        bed.put("login", {"a": value()}, ns)     # seal and apply
        with bed.run("--settle", 0) as agent:
            bed.ready("login", ns)               # the document, once its status says Applied
            assert bed.secret("login", ns) == bed.sealed["login", ns]
            agent.wait_log(msg="ready")

Waits watch; the checks given to them may assert, and what they said last is told when time is over.  When an
agent ends, no value that the bed has sealed may stand in its log, in a condition or in an Event.
"""
import base64
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import secrets
import subprocess
import time
import uuid

import yaml

from api import ApiError, Unreachable
from controlplane import TOP, base64_file
from processes import Server, wait_for

BIN = pathlib.Path(os.environ.get("BULLA_BIN_DIR", TOP / "build")).resolve()
BULLA, AGENT = str(BIN / "bulla"), str(BIN / "bulla-agent")
MANIFESTS = TOP / "manifests"
SYSTEM, ACCOUNT = "bulla-system", "bulla-agent"
DOCUMENT = ("bulla.dev/v1", "SealedCredential")
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedcredentials.bulla.dev"
CLUSTER_BINDING = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/bulla-agent"
CANARY = f"/api/v1/namespaces/{SYSTEM}/secrets/bulla-canary"
OWNER, ADOPT = "bulla.dev/owner", "bulla.dev/adopt"


def value():
    """A secret that is found wherever it leaks."""
    return f"s3cret-{secrets.token_hex(12)}"


def documents_path(namespace, name=None):
    return f"/apis/bulla.dev/v1/namespaces/{namespace}/sealedcredentials" + (f"/{name}" if name else "")


def secrets_path(namespace, name=None):
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def conditions(document):
    return {c["type"]: c for c in (document.get("status") or {}).get("conditions") or []}


def annotations(thing):
    return thing["metadata"].get("annotations") or {}


def plain(secret):
    """The data of a Secret as text; None for no Secret."""
    return secret and {k: base64.b64decode(v).decode() for k, v in (secret.get("data") or {}).items()}


def identity(thing):
    """uid and resourceVersion: the same as long as nobody writes it."""
    return thing["metadata"]["uid"], thing["metadata"]["resourceVersion"]


def watch_until(api, collection, name, check, seconds=30, what=None):
    """The object (None: there is none) once check(object) is true and raises no AssertionError.  It asks once and
    then watches; through a server that goes away it asks again."""
    end, why = time.monotonic() + seconds, None
    selector = {"fieldSelector": f"metadata.name={name}"}

    def good(thing):
        nonlocal why
        try:
            if check(thing):
                return True
            why = AssertionError(f"it is {json.dumps(thing)[:3000]}")
        except AssertionError as e:
            why = e
        return False

    while (left := end - time.monotonic()) > 0:
        try:
            found = api.get(collection, query=selector)
            thing = found["items"][0] if found["items"] else None
            if good(thing):
                return thing
            for kind, thing in api.watch(collection, found["metadata"]["resourceVersion"], seconds=int(left) + 1,
                                         silence=max(left, 0.1), **selector):
                if kind == "ERROR":
                    break
                if kind != "BOOKMARK" and good(thing := None if kind == "DELETED" else thing):
                    return thing
        except (Unreachable, OSError, ValueError, http.client.HTTPException) as e:
            why = why or e
            time.sleep(min(0.05, max(left, 0)))
        except ApiError as e:
            why = why or e
            time.sleep(min(0.2, max(left, 0)))
    raise TimeoutError(f"{collection}/{name}: {what or 'what was waited for'} did not come in {seconds} s") from why


class Bed:
    """folder: for keys, tokens and logs.  proxy: a FaultProxy that the agent's requests go through.  ca_file: what it
    trusts, when that is to change."""

    def __init__(self, plane, folder, install="cluster", proxy=None, ca_file=None):
        self.plane, self.folder, self.install, self.proxy = plane, pathlib.Path(folder), install, proxy
        self.ca_file = ca_file
        self.namespaces, self.agents, self.runs = [], [], itertools.count()
        self.values, self.sealed = set(), {}
        self.keys, self.home = self.folder / "keys", self.folder / "home"
        for made in (self.keys, self.home, self.folder / "account"):
            made.mkdir(parents=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C",
                    "XDG_CONFIG_HOME": str(self.home / ".config"), "GIT_CONFIG_NOSYSTEM": "1"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.key = self.new_key("20260101T000000Z-one.key")
        self.token_file = self.folder / "account/token"  # apart from the keys, as in a Pod

    @property
    def api(self):
        return self.plane.admin

    # --- life

    def __enter__(self):
        self.set_up()
        return self

    def __exit__(self, *failed):
        with contextlib.ExitStack() as stack:
            stack.callback(self.clean_up)
            for agent in self.agents:
                stack.callback(agent.finish, check=failed[0] is None)

    def set_up(self):
        for name in ("namespace", "crd", "serviceaccount", "clusterrole", "role", "policy", "deployment"):
            self.api.apply_file(MANIFESTS / f"base/{name}.yaml")
        if self.install == "namespaces":
            self.api.delete(CLUSTER_BINDING)
        self.forget()
        self.new_token()
        wait_for(self._policy_holds, 30, "the admission policy in force")

    def _policy_holds(self):
        """The agent's account may not touch the canary: by the policy, or for want of a right."""
        answer = self.api.as_token(self.token_file.read_text()).request(
            "PATCH", CANARY, {}, {"dryRun": "All"}, content_type="application/merge-patch+json", expect=None)
        return answer.status == 403

    def clean_up(self):
        for namespace in self.namespaces:
            for path in (documents_path(namespace), secrets_path(namespace)):
                self.api.request("DELETE", path, {}, expect=404)
            self.api.delete(f"/api/v1/namespaces/{namespace}")
        self.forget()

    def forget(self):
        """What agents remember in their namespace: the next test starts with nothing."""
        for kind, names in (("configmaps", "bulla-"), ("leases", "bulla-")):
            path = self.api.path("v1" if kind == "configmaps" else "coordination.k8s.io/v1",
                                 "ConfigMap" if kind == "configmaps" else "Lease", SYSTEM)
            for thing in self.api.list(path):
                if thing["metadata"]["name"].startswith(names):
                    self.api.delete(f"{path}/{thing['metadata']['name']}")

    def new_token(self, seconds=3600):
        """Into the file that the agent's kubeconfig names."""
        new = self.token_file.with_name(".token.new")
        new.write_text(self.plane.token(SYSTEM, ACCOUNT, seconds))
        new.rename(self.token_file)

    def namespace(self, served=None):
        """A new namespace; served: with the Role of the namespaces install (that install's default)."""
        name = f"t-{uuid.uuid4().hex[:10]}"
        self.api.ensure("v1", "Namespace", None, name)
        self.namespaces.append(name)
        if served or (served is None and self.install == "namespaces"):
            self.serve(name)
        return name

    def serve(self, namespace):
        """The Role and RoleBinding of manifests/served-namespace."""
        for thing in yaml.safe_load_all((MANIFESTS / "served-namespace/role.yaml").read_text()):
            thing["metadata"]["namespace"] = namespace
            self.api.apply(thing)

    # --- sealing

    def new_key(self, name, folder=None):
        """Make a sealing key; its recipient."""
        file = (folder or self.keys) / name
        subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
        return re.search(r"age1[0-9a-z]+", file.read_text()).group()

    def bulla(self, *args, input=None):
        done = subprocess.run([BULLA, *map(str, args)], env=self.env, input=input, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def _sealed(self, text, name, namespace, values):
        self.values.update(v for v in values.values() if len(v) >= 8)
        self.sealed[name, namespace] = dict(values)
        return yaml.safe_load(text)

    def seal(self, name, values, namespace, to=None, policy=None, more=()):
        """A sealed document of kind opaque, as a dict."""
        args = ["seal", "opaque", name, "-n", namespace, "--from-env-file", "-", "--together", *more]
        for recipient in to or [self.key]:
            args += ["-r", recipient]
        if policy:
            args += ["--deletion-policy", policy]
        lines = "".join(f"{key}='{text}'\n" for key, text in values.items())
        return self._sealed(self.bulla(*args, input=lines.encode()), name, namespace, values)

    def seal_basic_auth(self, name, namespace, user, password):
        """Of another type than opaque."""
        text = self.bulla("seal", "basic-auth", name, "-n", namespace, "--username", user, "--password-file", "-",
                          "-r", self.key, input=password.encode())
        return self._sealed(text, name, namespace, {"username": user, "password": password})

    def put(self, name, values, namespace, **how):
        """Seal and apply; the document as the server has it."""
        return self.api.apply(self.seal(name, values, namespace, **how))

    def put_many(self, names, namespace, **how):
        """Documents of one value each."""
        return [self.put(name, {"v": value()}, namespace, **how) for name in names]

    # --- what is there

    def document(self, name, namespace):
        return self.api.get(documents_path(namespace, name), absent=True)

    def documents(self, namespace):
        return {d["metadata"]["name"]: d for d in self.api.list(documents_path(namespace))}

    def secret_object(self, name, namespace):
        return self.api.get(secrets_path(namespace, name), absent=True)

    def secret(self, name, namespace):
        return plain(self.secret_object(name, namespace))

    def secrets(self, namespace):
        """{name: Secret} of all that the agent made."""
        return {s["metadata"]["name"]: s for s in self.api.list(secrets_path(namespace)) if OWNER in annotations(s)}

    def remembered(self, namespace):
        """Names in the inventory of the cluster install that count as made."""
        found = set()
        for thing in self.api.list(f"/api/v1/namespaces/{SYSTEM}/configmaps"):
            if thing["metadata"]["name"].startswith("bulla-inventory-"):
                for line in (thing.get("data") or {}).get("secrets", "").splitlines():
                    if line.startswith(f"made {namespace}/"):
                        found.add(line.split()[1].split("/")[1])
        return found

    # --- waiting

    def until_document(self, name, namespace, check, seconds=30, what=None):
        return watch_until(self.api, documents_path(namespace), name, check, seconds, what)

    def until_secret(self, name, namespace, check, seconds=30, what=None):
        """The Secret once check({key: value}, or None) is true."""
        return watch_until(self.api, secrets_path(namespace), name, lambda s: check(plain(s)), seconds, what)

    def says(self, name, namespace, reason, message=None, generation=None, seconds=30):
        """The document once an agent says so of its present generation.  message: searched as a pattern."""
        def told(document):
            assert document, "it is not there"
            now = generation or document["metadata"]["generation"]
            ready = conditions(document).get("Ready")
            assert ready, f"nothing is said: {document.get('status')}"
            assert document["status"]["observedGeneration"] == ready["observedGeneration"] == now, document["status"]
            assert ready["reason"] == reason, ready
            assert message is None or re.search(message, ready["message"]), ready
            return True
        return self.until_document(name, namespace, told, seconds, f"reason {reason}")

    def ready(self, name, namespace, seconds=30):
        """The document once the agent says that it is applied, and its Secret is what was sealed last."""
        document = self.says(name, namespace, "Applied", seconds=seconds)
        assert conditions(document)["Ready"]["status"] == "True" and "Stalled" not in conditions(document)
        assert self.secret(name, namespace) == self.sealed[name, namespace]
        return document

    def all_ready(self, namespace, seconds=60):
        """Every document of a namespace; {name: document}."""
        def all_told():
            found = self.documents(namespace)
            late = {n: d.get("status") for n, d in found.items() if not self.is_applied(d)}
            assert not late, f"{len(late)} of {len(found)} are not: {dict(itertools.islice(late.items(), 3))}"
            return found
        found = wait_for(all_told, seconds, f"every document of {namespace} ready", pause=0.2)
        there = {name: plain(s) for name, s in self.secrets(namespace).items()}
        assert {name: there.get(name) for name in found} == {name: self.sealed[name, namespace] for name in found}
        return found

    @staticmethod
    def is_applied(document):
        ready = conditions(document).get("Ready", {})
        return (ready.get("reason"), ready.get("observedGeneration")) == ("Applied",
                                                                          document["metadata"]["generation"])

    # --- the agent

    def kubeconfig(self):
        """The service account's: its token is in a file of its own, as in a Pod."""
        server = self.proxy.server if self.proxy else self.plane.server
        trusted = ({"certificate-authority": str(self.ca_file)} if self.ca_file
                   else {"certificate-authority-data": base64_file(self.plane.ca)})
        path = self.folder / "agent.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server, **trusted}}],
            "users": [{"name": "u", "user": {"tokenFile": str(self.token_file)}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))
        return path

    def run(self, *more, wait=True):
        """The agent in the background.  Of the namespaces install: for the bed's namespaces, unless said."""
        agent = Agent(self, *more)
        self.agents.append(agent)
        if wait:
            agent.wait_log(msg="ready", seconds=60)
        return agent

    def args(self, *more, listen=True):
        args = [AGENT, "--kubernetes", "--keys", self.keys, "--kubeconfig", self.kubeconfig(),
                "--agent-namespace", SYSTEM, *(("--listen", "127.0.0.1:0") if listen else ()), *more]
        if self.install == "namespaces" and "--namespaces" not in more:
            args += ["--namespaces", ",".join(self.namespaces)]
        return args


class Agent(Server):
    """One run of it.  Logs are read from its standard error."""

    def __init__(self, bed, *more):
        self.bed, self.checked, self.ended = bed, False, False
        super().__init__("bulla-agent", bed.args(*more), bed.folder / f"agent{next(bed.runs)}.log", env=bed.env)

    def __exit__(self, kind, *_):
        self.finish(check=kind is None)

    # --- its end

    def family(self):
        """The agent's own, the supervisor's and the opener's pid."""
        pids = [self.pid]
        for p in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children = pathlib.Path(f"/proc/{p}/task/{p}/children").read_text()
                pids += [int(child) for child in children.split()]
        return pids

    def _end(self):
        """The test ends it now; it must not have ended by itself before.  What is to be gone with it."""
        assert self.running(), f"it had ended by itself with {self.process.returncode}:\n{self.tail()}"
        self.ended = True
        return self.family()

    def ends(self, status, seconds=20):
        """It ends by itself, as it is to: with this exit status."""
        self.ended, family = True, self.family()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {seconds} s:\n{self.tail()}") from None
        self.kill()
        assert self.process.returncode == status, f"it ended with {self.process.returncode}:\n{self.tail()}"
        self._nothing_left(family)

    def stop(self, grace=25):
        """SIGTERM; it must end by itself, and well.  Nothing, when the test has ended it, or awaited its end."""
        if self.ended:
            return
        family = self._end()
        self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end {grace} s after SIGTERM:\n{self.tail()}") from None
        self.kill()
        assert self.process.returncode == 0, f"it ended with {self.process.returncode}:\n{self.tail()}"
        self._nothing_left(family)

    def die(self):
        """SIGKILL; the processes beside it must follow."""
        family = self._end()
        self.kill()
        self._nothing_left(family)

    def _nothing_left(self, family):
        def gone():
            left = []
            for pid in family:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                    left += [pid] if stat.rsplit(")", 1)[1].split()[0] not in "ZX" else []
            assert not left, f"still there: {left} of {family}"
            return True
        wait_for(gone, 10, "the end of the processes beside the agent")

    def finish(self, check=True):
        """End it; with check also: it had not ended by itself, unless the test awaited that, and nothing leaked."""
        try:
            if check:
                self.stop()
        finally:
            self.kill()
            self.ended = True
        if check and not self.checked:
            self.checked = True
            self.no_leak()

    def no_leak(self):
        """No sealed value, nor its base64, in the log, in what was said of documents, or in Events."""
        said = [("its log", self.output())]
        for namespace in self.bed.namespaces:
            with contextlib.suppress(ApiError, Unreachable):
                said += [("a status", json.dumps(d.get("status"))) for d in self.bed.documents(namespace).values()]
                said += [("an Event", json.dumps(e)) for e in
                         self.bed.api.list(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")]
        for text in self.bed.values:
            for shape in (text, base64.b64encode(text.encode()).decode().rstrip("=")[:-1]):
                for where, words in said:
                    assert shape not in words, f"a sealed value stands in {where}"
        assert "runtime error" not in said[0][1] and "ERROR: AddressSanitizer" not in said[0][1], self.tail()

    # --- what it says

    def lines(self):
        """Its log lines so far, as objects."""
        whole = self.output().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def tail(self):
        return self.output()[-6000:]

    def matching(self, since=0, **fields):
        """fields: a text, or a compiled pattern that is searched."""
        def fits(line):
            return all(w.search(line.get(k, "")) if isinstance(w, re.Pattern) else line.get(k) == w
                       for k, w in fields.items())
        return [line for line in self.lines()[since:] if fits(line)]

    def wait_log(self, since=0, seconds=30, **fields):
        def there():
            found = self.matching(since, **fields)
            if not found and not self.running():
                raise RuntimeError(f"it ended with {self.process.returncode}:\n{self.tail()}")
            return found
        try:
            return wait_for(there, seconds, f"log line {fields}")[0]
        except TimeoutError as e:
            raise TimeoutError(f"{e}:\n{self.tail()}") from None

    def get(self, path):
        host, port = self.wait_log(msg="listening")["address"].rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def metrics(self):
        status, text = self.get("/metrics")
        assert status == 200
        return {key: float(number) for key, number in
                (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}

    def count(self, reason):
        """Documents with this reason."""
        return self.metrics()[f'bulla_documents{{reason="{reason}"}}']

    def requests(self, method, code=None):
        """Requests answered so far."""
        return sum(n for key, n in self.metrics().items() if key.startswith("rest_client_requests_total")
                   and f'method="{method}"' in key and (code is None or f'code="{code}"' in key))

    def wait_count(self, reason, n, seconds=30):
        wait_for(lambda: self.count(reason) == n, seconds, f"{n} documents {reason}", pause=0.05)
