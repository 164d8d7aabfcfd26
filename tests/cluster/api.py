# SPDX-License-Identifier: Apache-2.0
"""A small client of the Kubernetes API for tests: HTTP/1.1 over TLS, the standard library only.

Objects are plain dicts.  A path is what follows the server: "/api/v1/namespaces/x/secrets/y"; path() makes
one.  An answer of 400 or above raises ApiError, unless expect says which status is wanted (None: any).
Nothing is ever sent twice.
"""
import http.client
import json
import select
import socket
import ssl
import threading
import time
import urllib.parse

import yaml

from processes import wait_for

MERGE, JSON_PATCH, STRATEGIC, APPLY = (f"application/{kind}" for kind in (
    "merge-patch+json", "json-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"))
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Unreachable(Exception):
    """No answer: refused, reset, frozen or not TLS."""


class ApiError(Exception):
    def __init__(self, method, path, answer):
        self.status, self.body = answer.status, answer.body
        self.reason = answer.body.get("reason") if isinstance(answer.body, dict) else None
        self.message = answer.body.get("message") if isinstance(answer.body, dict) else answer.text
        super().__init__(f"{method} {path}: {self.status} {self.reason}: {self.message}")


class Answer:
    def __init__(self, status, headers, data):
        self.status, self.headers, self.text = status, headers, data.decode("utf-8", "replace")
        try:
            self.body = json.loads(data)
        except ValueError:
            self.body = None


class Api:
    """certificate: (certificate, key) files; token: text.  One connection, shared by threads in turn."""

    def __init__(self, server, ca, certificate=None, token=None, timeout=30):
        self.server, self.ca, self.token_text, self.timeout = server, ca, token, timeout
        self.host, port = urllib.parse.urlsplit(server).netloc.rsplit(":", 1)
        self.port = int(port)
        self.tls = ssl.create_default_context(cafile=str(ca))
        if certificate:
            self.tls.load_cert_chain(*map(str, certificate))
        self.lock = threading.Lock()
        self.connection = None
        self.kinds = {}

    def as_token(self, token):
        return Api(self.server, self.ca, token=token, timeout=self.timeout)

    def close(self):
        with self.lock:
            if self.connection:
                self.connection.close()
                self.connection = None

    # --- requests -----------------------------------------------------------------------------------

    def _headers(self, more):
        headers = {"Accept": "application/json", "User-Agent": "bulla-tests", **(more or {})}
        if self.token_text:
            headers["Authorization"] = f"Bearer {self.token_text}"
        return headers

    def _connect(self, timeout):
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, method, path, body=None, query=None, content_type="application/json", headers=None,
                expect=()):
        """The Answer.  expect: a status or several that are as good as success; None takes each."""
        target = path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else "")
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        head = self._headers(headers)
        if data is not None:
            head["Content-Type"] = content_type
        for _ in range(30):
            with self.lock:
                answer = self._exchange(method, target, data, head)
            # a server that was just started reads a kind at the first request for it
            if answer.status != 429 or "storage is (re)initializing" not in answer.text:
                break
            time.sleep(1)  # its Retry-After
        wanted = (expect,) if isinstance(expect, int) else expect
        if wanted is not None and answer.status >= 400 and answer.status not in wanted:
            raise ApiError(method, path, answer)
        return answer

    def _exchange(self, method, target, data, head):
        # readable while nothing was asked: the server has closed it; no socket: its last answer said so
        if self.connection and (not self.connection.sock or select.select([self.connection.sock], [], [], 0)[0]):
            self.connection = self.connection.close()
        try:
            if not self.connection:
                self.connection = self._connect(self.timeout)
            self.connection.request(method, target, data, head)
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException) as e:
            self.connection = self.connection and self.connection.close()
            raise Unreachable(f"{method} {target}: {e!r}") from e

    def path(self, api_version, kind, namespace=None, name=None, subresource=None):
        """Where objects of a kind are; discovery tells the plural."""
        if (api_version, kind) not in self.kinds:
            self._discover(api_version)
        if (api_version, kind) not in self.kinds:
            raise KeyError(f"the server has no {api_version} {kind}")
        plural, namespaced = self.kinds[api_version, kind]
        path = self._root(api_version)
        if namespaced and namespace:
            path += f"/namespaces/{namespace}"
        return "/".join([path, plural] + [p for p in (name, subresource) if p])

    @staticmethod
    def _root(api_version):
        return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"

    def _discover(self, api_version):
        answer = self.request("GET", self._root(api_version), expect=404)
        if answer.status == 200:
            for resource in answer.body["resources"]:
                if "/" not in resource["name"]:
                    self.kinds[api_version, resource["kind"]] = resource["name"], resource["namespaced"]

    def path_of(self, thing, collection=False):
        meta = thing["metadata"]
        return self.path(thing["apiVersion"], thing["kind"], meta.get("namespace"),
                         None if collection else meta["name"])

    # --- objects ----------------------------------------------------------------------------------------

    def get(self, path, query=None, absent=False, accept=None):
        """The object; with absent=True None for a 404."""
        answer = self.request("GET", path, query=query, expect=404 if absent else (),
                              headers={"Accept": accept} if accept else None)
        return answer.body if answer.status < 400 else None

    def list(self, path, **query):
        return self.get(path, query=query or None)["items"]

    def create(self, thing, **query):
        return self.request("POST", self.path_of(thing, collection=True), thing, query or None).body

    def replace(self, thing, subresource=None):
        path = self.path_of(thing) + (f"/{subresource}" if subresource else "")
        return self.request("PUT", path, thing).body

    def patch(self, path, patch, kind=MERGE, **query):
        return self.request("PATCH", path, patch, query or None, content_type=kind).body

    def apply(self, thing, manager="tests", force=True, subresource=None):
        """Server-side apply; the object as it is then."""
        path = self.path_of(thing) + (f"/{subresource}" if subresource else "")
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        return self.request("PATCH", path, thing, query, content_type=APPLY).body

    def apply_yaml(self, text, manager="tests"):
        """Every document of a stream, in its order; a kind whose CRD came just before is waited for."""
        done = []
        for thing in yaml.safe_load_all(text):
            if not thing:
                continue
            for item in thing["items"] if thing["kind"] == "List" else [thing]:
                done.append(self._apply_when_served(item, manager))
        return done

    def _apply_when_served(self, thing, manager):
        def served():
            try:
                return self.apply(thing, manager)
            except KeyError as e:
                raise AssertionError(str(e)) from e
        return wait_for(served, 10, f"{thing['apiVersion']} {thing['kind']}")

    def apply_file(self, path, manager="tests"):
        """A YAML file, and until each CRD in it is established."""
        with open(path, encoding="utf-8") as f:
            done = self.apply_yaml(f.read(), manager)
        for thing in done:
            if thing["kind"] == "CustomResourceDefinition":
                self.wait_condition(self.path_of(thing), "Established")
        return done

    def ensure(self, api_version, kind, namespace, name, **rest):
        """Make an object unless it is there."""
        meta = {"name": name, **({"namespace": namespace} if namespace else {})}
        thing = {"apiVersion": api_version, "kind": kind, "metadata": meta, **rest}
        self.request("POST", self.path_of(thing, collection=True), thing, expect=409)

    def delete(self, path, uid=None, resource_version=None, absent=True, **options):
        """DELETE, with preconditions where given; absent=True takes a 404 too."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options}
        conditions = {k: v for k, v in (("uid", uid), ("resourceVersion", resource_version)) if v}
        if conditions:
            body["preconditions"] = conditions
        return self.request("DELETE", path, body, expect=404 if absent else ()).body

    def token(self, namespace, account, seconds=3600, audiences=None):
        """TokenRequest: the token's text."""
        spec = {"expirationSeconds": seconds, **({"audiences": audiences} if audiences else {})}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return self.request("POST", path, body).body["status"]["token"]

    def grant(self, account, rules, namespace=None, name="tests"):
        """RBAC for (namespace, name) of a service account: a Role and its binding in a namespace, or a
        ClusterRole.  rules: (API groups, resources, verbs) or (..., resourceNames), each words with spaces."""
        def rule(groups, resources, verbs, names=""):
            made = {"apiGroups": groups.split() or [""], "resources": resources.split(), "verbs": verbs.split()}
            return {**made, **({"resourceNames": names.split()} if names else {})}
        role = "Role" if namespace else "ClusterRole"
        rbac, meta = "rbac.authorization.k8s.io", {"name": name, **({"namespace": namespace} if namespace else {})}
        self.apply({"apiVersion": f"{rbac}/v1", "kind": role, "metadata": meta, "rules": [rule(*r) for r in rules]})
        self.apply({"apiVersion": f"{rbac}/v1", "kind": f"{role}Binding", "metadata": meta,
                    "roleRef": {"apiGroup": rbac, "kind": role, "name": name},
                    "subjects": [{"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}]})

    # --- waiting -----------------------------------------------------------------------------------------

    def wait_condition(self, path, kind, status="True", reason=None, seconds=30):
        """Until status.conditions has it for the present generation; the object."""
        def there():
            thing = self.get(path, absent=True)
            assert thing, "it is not there"
            meta = thing["metadata"]
            for c in (thing.get("status") or {}).get("conditions") or []:
                if c["type"] == kind and c.get("observedGeneration", meta.get("generation")) == meta.get("generation"):
                    assert c["status"] == status and reason in (None, c.get("reason")), c
                    if (kind, status) == ("Ready", "True"):
                        # Flux writes its conditions first, the rest of the status after
                        seen = thing["status"].get("observedGeneration", meta.get("generation"))
                        assert seen == meta.get("generation"), thing["status"]
                    return thing
            raise AssertionError(f"no condition {kind}: {thing.get('status')}")
        return wait_for(there, seconds, f"{path}: {kind}={status}")

    def wait_gone(self, path, seconds=30):
        wait_for(lambda: self.get(path, absent=True) is None, seconds, f"{path} gone")

    def watch(self, path, resource_version=None, seconds=30, silence=None, **query):
        """Events as (type, object), from a connection of its own, until the server ends the watch after
        seconds.  silence: raise TimeoutError when nothing comes for so many seconds."""
        query = {"watch": "1", "timeoutSeconds": seconds, "allowWatchBookmarks": "true", **query}
        if resource_version is not None:
            query["resourceVersion"] = resource_version
        connection = self._connect(silence or seconds + 10)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(query)}", headers=self._headers(None))
            answer = connection.getresponse()
            if answer.status != 200:
                raise ApiError("WATCH", path, Answer(answer.status, answer.headers, answer.read()))
            while line := answer.readline():
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()
