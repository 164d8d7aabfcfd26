# SPDX-License-Identifier: Apache-2.0
"""What a fake API server keeps: objects, their versions, and every change, with the rules of a real one that
clients rely on (kubernetes-agent.md part 2, cluster-findings.md).  No network; tests/e2e/fakeapi.py has that."""
import base64
import copy
import dataclasses
import datetime
import json
import re
import threading
import uuid

MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class ApiError(Exception):
    """Ends a request with a Status."""

    def __init__(self, code, reason, message="", name="", causes=(), retry_after=0):
        super().__init__(f"{code} {reason}: {message}")
        self.code, self.reason, self.message = code, reason, message
        self.name, self.causes, self.retry_after = name, list(causes), retry_after

    def status(self):
        details = {}
        if self.name:
            details["name"] = self.name
        if self.causes:
            details["causes"] = self.causes
        if self.retry_after:
            details["retryAfterSeconds"] = self.retry_after
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": self.code,
                "reason": self.reason, "message": self.message, "details": details}


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    group_version: str  # "v1", "bulla.dev/v1"
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False  # has the subresource, and with it a generation
    default_status: dict = None

    @property
    def path(self):
        return f"/{'apis' if '/' in self.group_version else 'api'}/{self.group_version}"


KINDS = [Kind("v1", "secrets", "Secret"), Kind("v1", "configmaps", "ConfigMap"),
         Kind("v1", "serviceaccounts", "ServiceAccount"), Kind("v1", "namespaces", "Namespace", False),
         Kind("events.k8s.io/v1", "events", "Event"), Kind("coordination.k8s.io/v1", "leases", "Lease"),
         Kind("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", False),
         Kind("bulla.dev/v1", "sealedcredentials", "SealedCredential", status=True,
              default_status={"observedGeneration": -1})]


@dataclasses.dataclass
class Change:
    rv: int
    kind: Kind
    type: str
    object: dict
    before: dict  # None for ADDED


def fields_of(selector):
    return [part.partition("=")[::2] for part in filter(None, selector.split(","))]


def selects(obj, labels, fields):
    """Equality and existence only."""
    have = obj["metadata"].get("labels", {})
    for name, value in fields_of(labels):
        if name not in have or ("=" in labels and value and have[name] != value.lstrip("=")):
            return False
    for name, value in fields_of(fields):
        at = obj
        for part in name.split("."):
            at = at.get(part, {}) if isinstance(at, dict) else {}
        if at != value:
            return False
    return True


def merge(old, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge(out.get(name), value)
    return out


def pointer(text):
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def json_patch(obj, operations):
    """RFC 6902: add, replace, remove, test.  A failed test is a 422 with empty details, as on 1.36."""
    obj = copy.deepcopy(obj)
    for o in operations:
        *way, last = pointer(o["path"])
        at = obj
        try:
            for part in way:
                at = at[int(part)] if isinstance(at, list) else at[part]
            if isinstance(at, list):
                last = len(at) if last == "-" else int(last)
            if o["op"] == "test":
                if at[last] != o["value"]:
                    raise KeyError(last)
            elif o["op"] == "remove":
                del at[last]
            elif isinstance(at, list) and o["op"] == "add":
                at.insert(last, o["value"])
            else:
                if o["op"] == "replace":
                    at[last]
                at[last] = o["value"]
        except (KeyError, IndexError, TypeError):
            raise ApiError(422, "Invalid", "the server rejected our request due to an error in our request") from None
    return obj


def keyed(value):
    """Conditions are a map by type; every other list is atomic."""
    return isinstance(value, list) and value and all(isinstance(v, dict) and "type" in v for v in value)


def apply(live, before, now):
    """What server-side apply makes of live, when this manager applied `before` last and `now` this time."""
    if isinstance(now, dict):
        live = live if isinstance(live, dict) else {}
        before = before if isinstance(before, dict) else {}
        out = {k: v for k, v in live.items() if k in now or k not in before}
        for name, value in now.items():
            out[name] = apply(live.get(name), before.get(name), value)
        return out
    if keyed(now) and (live is None or keyed(live)):
        by_type = lambda values: {v["type"]: v for v in values or []}
        return list(apply(by_type(live), by_type(before), by_type(now)).values())
    return copy.deepcopy(now)


def check_secret(obj, before):
    data = obj.get("data", {})
    for name, value in data.items():
        if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", name):
            raise ApiError(422, "Invalid", f"data[{name}]: Invalid value")
        try:
            base64.b64decode(value, validate=True)
        except (ValueError, TypeError):
            raise ApiError(400, "BadRequest", "illegal base64 data") from None
    obj.setdefault("type", "Opaque")
    if before is not None and obj["type"] != before["type"]:
        raise ApiError(422, "Invalid", "type: field is immutable", obj["metadata"]["name"],
                       causes=[{"reason": "FieldValueInvalid", "field": "type"}])
    if before is not None and before.get("immutable") and data != before.get("data", {}):
        raise ApiError(422, "Invalid", "data: field is immutable when `immutable` is set", obj["metadata"]["name"],
                       causes=[{"reason": "FieldValueForbidden", "field": "data"}])


def check_event(obj, before):
    if before is None:
        for name in ("reportingController", "reportingInstance", "action", "reason", "type"):
            if not obj.get(name) or len(obj[name]) > 128:
                raise ApiError(422, "Invalid", f"{name}: required, at most 128 characters")
        if not MICRO_TIME.fullmatch(obj.get("eventTime", "")):
            raise ApiError(422, "Invalid", "eventTime: MicroTime")
        if len(obj.get("note", "").encode()) > 1024:
            raise ApiError(422, "Invalid", "note: at most 1024 bytes")
        if obj["type"] not in ("Normal", "Warning"):
            raise ApiError(422, "Invalid", "type")
        if obj["regarding"].get("namespace", "default") != obj["metadata"]["namespace"]:
            raise ApiError(422, "Invalid", "involvedObject.namespace: does not match event.namespace")
    else:
        for name in ("note", "reason", "type", "action", "eventTime"):
            if obj.get(name) != before.get(name):
                raise ApiError(422, "Invalid", f"{name}: field is immutable")
    series = obj.get("series")
    if series and not (series.get("count", 0) >= 2 and MICRO_TIME.fullmatch(series.get("lastObservedTime", ""))):
        raise ApiError(422, "Invalid", "series")


def check_lease(obj, before):
    del before
    spec = obj.get("spec", {})
    for name in ("acquireTime", "renewTime"):
        if name in spec and not MICRO_TIME.fullmatch(spec[name]):
            raise ApiError(400, "BadRequest", f"{name}: MicroTime")
    if spec.get("leaseDurationSeconds", 1) < 1:
        raise ApiError(422, "Invalid", "spec.leaseDurationSeconds: must be greater than 0")


CHECKS = {"secrets": check_secret, "events": check_event, "leases": check_lease}


class Store:
    """All methods may be called from any thread."""

    def __init__(self, kinds=KINDS):
        self.kinds = list(kinds)
        self.lock = threading.RLock()
        self.objects = {}  # (kind, namespace, name) -> object
        self.applied = {}  # (uid, manager, subresource) -> what it applied last
        self.changes, self.rv, self.compacted = [], 100, 0
        self.watchers = []  # called after each change

    # --- for tests -------------------------------------------------------------------------------

    def kind(self, plural):
        return next(k for k in self.kinds if k.plural == plural)

    def all(self, plural):
        """{(namespace, name): object} as it is now."""
        with self.lock:
            return {key[1:]: copy.deepcopy(o) for key, o in self.objects.items() if key[0].plural == plural}

    def put(self, plural, namespace, name, **fields):
        """Create or replace, as another client would."""
        kind = self.kind(plural)
        with self.lock:
            obj = {"metadata": {"name": name, **fields.pop("metadata", {})}, **fields}
            before = self.objects.get((kind, namespace if kind.namespaced else "", name))
            if before is None:
                return self.create(kind, namespace, obj)
            return self.change(kind, before, {**before, **obj, "metadata": {**before["metadata"],
                                                                            **obj["metadata"]}})

    def compact(self):
        """Nobody can go on from an earlier version: as after a restart."""
        with self.lock:
            self.compacted = self.rv

    # --- reading -----------------------------------------------------------------------------------

    def get(self, kind, namespace, name):
        with self.lock:
            obj = self.objects.get((kind, namespace, name))
            if obj is None:
                raise ApiError(404, "NotFound", f'{kind.plural} "{name}" not found', name)
            return copy.deepcopy(obj)

    def matching(self, kind, namespace, labels="", fields=""):
        with self.lock:
            return [copy.deepcopy(o) for (k, ns, _), o in sorted(self.objects.items(), key=lambda i: i[0][1:])
                    if k is kind and namespace in ("", ns) and selects(o, labels, fields)]

    # --- writing -----------------------------------------------------------------------------------

    def log(self, kind, type_, obj, before):
        self.changes.append(Change(self.rv, kind, type_, copy.deepcopy(obj), before))
        for tell in self.watchers:
            tell()

    def finish(self, kind, obj, before):
        obj["apiVersion"], obj["kind"] = kind.group_version, kind.kind
        CHECKS.get(kind.plural, lambda o, b: None)(obj, before)
        if len(json.dumps(obj)) > 1500000:
            raise ApiError(413, "RequestEntityTooLarge", "etcdserver: request is too large")

    def create(self, kind, namespace, obj, dry=False):
        obj = copy.deepcopy(obj)
        meta = obj.setdefault("metadata", {})
        with self.lock:
            name = meta.get("name") or meta.get("generateName", "") + uuid.uuid4().hex[:5]
            if kind.namespaced and meta.get("namespace", namespace) != namespace:
                raise ApiError(400, "BadRequest", "the namespace of the object does not match the request")
            if not name or meta.get("resourceVersion"):
                raise ApiError(400, "BadRequest", "resourceVersion should not be set on objects to be created")
            if (kind, namespace, name) in self.objects:
                raise ApiError(409, "AlreadyExists", f'{kind.plural} "{name}" already exists', name)
            if kind.status:
                obj.pop("status", None)
                if kind.default_status is not None:
                    obj["status"] = copy.deepcopy(kind.default_status)
                meta["generation"] = 1
            meta.update(name=name, uid=str(uuid.uuid4()),
                        creationTimestamp=datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"))
            if kind.namespaced:
                meta["namespace"] = namespace
            self.finish(kind, obj, None)
            if dry:
                return {**obj, "metadata": {**meta, "resourceVersion": str(self.rv)}}
            self.rv += 1
            meta["resourceVersion"] = str(self.rv)
            self.objects[kind, namespace, name] = obj
            self.log(kind, "ADDED", obj, None)
            return copy.deepcopy(obj)

    def change(self, kind, before, obj, subresource="", dry=False):
        """obj in place of before, as far as the subresource goes; the same again changes nothing."""
        obj = copy.deepcopy(obj)
        with self.lock:
            fixed = {k: before["metadata"][k] for k in ("name", "namespace", "uid", "creationTimestamp",
                                                        "generation", "resourceVersion") if k in before["metadata"]}
            if subresource == "status":
                obj = {**before, "status": obj.get("status"), "metadata": dict(before["metadata"])}
            elif kind.status:
                obj.pop("status", None)
                if "status" in before:
                    obj["status"] = before["status"]
            obj["metadata"] = {**obj.get("metadata", {}), **fixed}
            self.finish(kind, obj, before)
            if obj == before or dry:
                return copy.deepcopy(obj)
            without = lambda o: {k: v for k, v in o.items() if k not in ("metadata", "status")}
            if kind.status and without(obj) != without(before):
                obj["metadata"]["generation"] += 1
            self.rv += 1
            obj["metadata"]["resourceVersion"] = str(self.rv)
            self.objects[kind, fixed.get("namespace", ""), fixed["name"]] = obj
            self.log(kind, "MODIFIED", obj, before)
            return copy.deepcopy(obj)

    @staticmethod
    def guard(kind, before, given, code_for_uid, subresource=""):
        """The preconditions that an object carries."""
        meta = given.get("metadata", {}) if isinstance(given, dict) else {}
        name = before["metadata"]["name"]
        if meta.get("uid") not in (None, before["metadata"]["uid"]) and subresource != "status":
            raise ApiError(code_for_uid, "Conflict" if code_for_uid == 409 else "Invalid",
                           f"Precondition failed: UID in precondition: {meta['uid']}", name)
        if meta.get("resourceVersion") not in (None, "", before["metadata"]["resourceVersion"]):
            raise ApiError(409, "Conflict", f'Operation cannot be fulfilled on {kind.plural} "{name}": the object has '
                           "been modified; please apply your changes to the latest version and try again", name)

    def replace(self, kind, namespace, name, obj, subresource="", dry=False):
        with self.lock:
            before = self.get(kind, namespace, name)
            self.guard(kind, before, obj, 409)
            return self.change(kind, before, obj, subresource, dry)

    def patch(self, kind, namespace, name, how, body, query, subresource=""):
        """how: the media type without "application/"."""
        dry = query.get("dryRun") == "All"
        with self.lock:
            if how == "apply-patch+yaml":
                return self.apply(kind, namespace, name, body, query, subresource, dry)
            before = self.get(kind, namespace, name)
            if how == "json-patch+json":
                obj = json_patch(before, body)
            elif how == "merge-patch+json":
                obj = merge(before, body)
            else:
                raise ApiError(415, "UnsupportedMediaType", how)
            self.guard(kind, before, obj, 422, subresource)
            return self.change(kind, before, obj, subresource, dry)

    def apply(self, kind, namespace, name, body, query, subresource, dry):
        manager = query.get("fieldManager")
        if not manager:
            raise ApiError(422, "Invalid", "fieldManager: Required value: is required for apply patch")
        if body.get("kind") != kind.kind or body.get("apiVersion") != kind.group_version:
            raise ApiError(400, "BadRequest", "apiVersion and kind must be those of the object")
        if (kind, namespace, name) not in self.objects:
            if subresource:
                raise ApiError(404, "NotFound", f'{kind.plural} "{name}" not found', name)
            body["metadata"].pop("resourceVersion", None)
            made = self.create(kind, namespace, body, dry)
            self.applied[made["metadata"]["uid"], manager, ""] = copy.deepcopy(body)
            return made
        before = self.get(kind, namespace, name)
        self.guard(kind, before, body, 422, subresource)
        key = before["metadata"]["uid"], manager, subresource
        part = lambda o: {"status": o.get("status", {})} if subresource else o
        obj = apply(before, part(self.applied.get(key, {})), part(body))
        out = self.change(kind, before, obj, subresource, dry)
        if not dry:
            self.applied[key] = copy.deepcopy(body)
        return out

    def delete(self, kind, namespace, name, options=None, dry=False):
        with self.lock:
            before = self.get(kind, namespace, name)
            self.guard(kind, before, {"metadata": (options or {}).get("preconditions", {})}, 409)
            if not dry:
                self.rv += 1
                gone = copy.deepcopy(before)
                gone["metadata"]["resourceVersion"] = str(self.rv)
                del self.objects[kind, namespace, name]
                self.log(kind, "DELETED", gone, before)
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                    "details": {"name": name, "kind": kind.plural, "uid": before["metadata"]["uid"]}}
