# SPDX-License-Identifier: Apache-2.0
"""One credential of each kind that --live asks about, with the real system that reads it beside it: a registry, git
behind sshd and behind HTTPS, a TLS server, and a GitHub of the tests' own.

    with LiveBed(folder) as bed:
        for source in bed.sources():     # see Source
            source.arguments(host), source.live(host), source.good, source.bad, source.host
"""
import contextlib
import dataclasses
import datetime
import pathlib
import sys
import typing
import zlib

import registries
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fakegithub import FakeGitHub, Fault
from test_git_https import READER, Backend
from test_served import Tls

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cluster"))
import gitserver  # noqa: E402

ROBOT, WRITER, OTHER = ("robot", "a-password-to-pull"), ("writer", "a-password-to-push"), ("other", "no-rights")
CANARY = "canary-password-that-is-wrong"
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def pat(body):
    """A classic token as GitHub makes it, with its checksum, that nobody was ever given."""
    body = (body * 30)[:30]
    crc, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        digits, crc = BASE62[crc % 62] + digits, crc // 62
    return f"ghp_{body}{digits}"


GOOD_PAT, BAD_PAT = pat("GoodGood"), pat("Canary0BadBad")


@dataclasses.dataclass
class Source:
    """What is sealed and asked: arguments of `bulla seal` (host: where its system listens), the secret on standard input
    that works and one that does not, the options that --live takes beside it."""
    kind: str
    arguments: typing.Callable
    good: bytes
    bad: bytes
    host: str
    live: typing.Callable = lambda host: ()
    says: str = ""  # what is said when it works
    refusal: str = ""  # and when it does not


class LiveBed:
    def __init__(self, folder):
        self.folder, self.stack = folder, contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.start(stack)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *args):
        self.stack.close()

    def folder_of(self, name):
        made = self.folder / name
        made.mkdir(parents=True)
        return made

    def start(self, stack):
        self.authority = registries.Authority(self.folder)
        self.ca, self.pair = self.authority.ca, self.authority.issue("server")
        self.start_registry(stack)
        self.start_git(stack)
        self.hub = stack.enter_context(FakeGitHub(tuple(map(str, self.pair))))
        self.hub.token(GOOD_PAT, login="octo", scopes="read:packages", expires="2027-10-12 09:00:00 UTC")
        self.app_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.hub.app(7, self.app_key.public_key(), {"octo/infra"}, {"contents": "read", "metadata": "read"})
        self.served = self.authority.issue("served", begin=-5)
        self.tls = stack.enter_context(Tls(self.served))

    def start_registry(self, stack):
        self.tokens = registries.Tokens(self.authority, self.folder)
        self.tokens.users = {ROBOT[0]: (ROBOT[1], {"org/app": ("pull",)}), OTHER[0]: (OTHER[1], {}),
                             WRITER[0]: (WRITER[1], {"org/app": ("pull", "push")})}
        token_server = stack.enter_context(registries.Server(self.pair, self.tokens))
        self.registry = registries.Registry(self.folder_of("registry"), self.pair, {"token": {
            "realm": f"{token_server.url}/token", "service": registries.SERVICE, "issuer": registries.ISSUER,
            "rootcertbundle": str(self.tokens.crt)}})
        stack.callback(self.registry.close)
        registries.layout(self.folder / "image")
        registries.Skopeo(self.folder, self.ca).push(self.folder / "image", f"{self.registry.host}/org/app:v1", WRITER)

    def start_git(self, stack):
        self.ssh = stack.enter_context(gitserver.GitServer(self.folder_of("git")))
        self.repository = self.ssh.repository("infra")
        self.repository.commit({"a/b.yaml": "x: 1\n"})
        self.deploy_public = gitserver.make_key(self.folder / "deploy")
        self.ssh.authorize(self.deploy_public)
        gitserver.make_key(self.folder / "stranger")
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text(self.ssh.known_hosts())
        root = self.folder_of("https")
        self.repository.git("clone", "-q", "--bare", self.repository.bare, root / "infra.git", cwd=self.folder)
        self.https = stack.enter_context(registries.Server(self.pair, Backend(root)))

    # --- one of each

    def sources(self):
        return [self.of_registry(), self.of_registry_at_github(), self.of_git_https(), self.of_deploy_key(), self.of_app(),
                self.of_tls(), self.of_opaque()]

    def of_registry(self, login=ROBOT):
        def arguments(host):
            return ["--server", host, "--username", login[0], "--token-file", "-"]
        return Source("registry", arguments, login[1].encode(), CANARY.encode(), self.registry.host,
                      lambda host: ("--image", f"{host}/org/app:v1", "--ca-file", self.ca), "/org/app:v1 can be pulled",
                      "refuses the user name or the password")

    def of_registry_at_github(self):
        """A GitHub token that a registry takes too: GitHub is asked first."""
        self.tokens.users["octo"] = (GOOD_PAT, {"org/app": ("pull",)})
        made = self.of_registry(("octo", GOOD_PAT))
        made.bad, made.says, made.refusal = BAD_PAT.encode(), "the token is octo's; scopes: read:packages", "revoked, expired"
        made.live = lambda host: (*self.of_registry().live(host), "--api-url", self.hub.url)
        return made

    def of_git_https(self):
        def arguments(host):
            return ["--url", f"https://{host}/infra.git", "--username", READER[0], "--token-file", "-", "--ca", self.ca]
        return Source("git-https", arguments, READER[1].encode(), CANARY.encode(), f"127.0.0.1:{self.https.port}",
                      says="/infra.git can be fetched", refusal="refuses")

    def of_deploy_key(self):
        def arguments(host):
            hosts = self.folder / f"known_hosts-{host.rpartition(':')[2]}"
            hosts.write_text(self.ssh.known_hosts().replace(str(self.ssh.port), host.rpartition(":")[2]))
            return ["--url", f"ssh://{self.ssh.user}@{host}{self.repository.bare}", "--private-key", "-", "--known-hosts", hosts]
        return Source("deploy-key", arguments, (self.folder / "deploy").read_bytes(), (self.folder / "stranger").read_bytes(),
                      f"127.0.0.1:{self.ssh.port}", says="access: read-only", refusal="deploy key")

    def of_app(self):
        def arguments(host):
            return ["--url", f"https://{host}/octo/infra", "--app-id", "7", "--owner", "octo", "--private-key", "-",
                    "--base-url", f"https://{host}", "--ca", self.ca]
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return Source("github-app", arguments, private(self.app_key), private(other), f"127.0.0.1:{self.hub.port}",
                      says="the App makes tokens that read octo/infra", refusal="do not belong together")

    def of_tls(self):
        def arguments(_):
            return ["--bundle", "-"]
        older = self.authority.issue("older", begin=-20)
        return Source("tls", arguments, bundle(self.served), bundle(older), f"127.0.0.1:{self.tls.port}",
                      lambda host: ("--connect", host, "--ca-file", self.ca), "shows this certificate", "shows a newer certificate")

    def of_opaque(self):
        def arguments(_):
            return ["--stdin", "TOKEN"]
        return Source("opaque", arguments, GOOD_PAT.encode(), BAD_PAT.encode(), f"127.0.0.1:{self.hub.port}",
                      lambda host: ("--api-url", f"https://{host}", "--ca-file", self.ca), "TOKEN; the token is octo's",
                      "revoked, expired")


def private(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                             serialization.NoEncryption())


def bundle(pair):
    return pair[0].read_bytes() + pair[1].read_bytes()


def stamp(days):
    return (datetime.datetime.utcnow() + datetime.timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S UTC")
