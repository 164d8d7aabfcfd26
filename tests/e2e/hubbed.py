# SPDX-License-Identifier: Apache-2.0
"""A repository whose deploy keys are at a GitHub on loopback: two regions, each with a document of its own.

    bed = HubBed(tmp_path, hub)
    bed.deploy_key("list")                # with the token, the API's address and the key that opens documents
    bed.public("eu-west9")                # the public half in its document, by its facts
"""
import yaml

from checkout import Checkout
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

REPOSITORY = "barolab/foobar-infra"
URL = f"ssh://git@github.com/{REPOSITORY}"
TOKEN = "github_pat_" + "B" * 22 + "_" + "C" * 59
REGIONS = ("eu-west9", "us-east1")


class HubBed:
    def __init__(self, path, hub, url=URL, more=()):
        self.path, self.hub, self.url = path, hub, url
        hub.token(TOKEN)
        hub.repo(REPOSITORY)
        self.token = path / "token"
        self.token.write_text(TOKEN + "\n")
        self.repo = Checkout(path)
        self.repo.init("-r", *REGIONS[:1])
        self.repo.bulla("keys", "generate", REGIONS[1])
        self.repo.write(".bulla/config", self.config())
        for region in REGIONS:
            self.repo.bulla("seal", "deploy-key", "flux-ssh", "-n", "flux-system", "--url", url, "-w", self.file(region), *more)
        self.repo.commit("Begin")

    def config(self):
        config = yaml.safe_load((self.repo.top / ".bulla/config").read_text())
        config["rules"] = [{"path": f"clusters/{r}/**", "to": [r]} for r in REGIONS] + [{"path": "**", "to": list(REGIONS)}]
        return yaml.safe_dump(config, default_style='"', sort_keys=False)

    def file(self, region):
        return f"clusters/{region}/flux-ssh.yaml"

    def document(self, region):
        return yaml.safe_load((self.repo.top / self.file(region)).read_text())

    def facts(self, region):
        return self.document(region)["spec"]["parts"]["credential"]["facts"]

    def public(self, region):
        return self.facts(region)["public-key"]

    def register(self, region, **more):
        return self.hub.add_key(REPOSITORY, self.public(region), **more)

    def app(self, administration="write"):
        """A GitHub App with its key sealed into ops/app.yaml."""
        key = rsa.generate_private_key(65537, 2048)
        self.hub.app(4711, key.public_key(), [REPOSITORY, "barolab/other"],
                     {"administration": administration, "contents": "read", "metadata": "read"})
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        self.repo.bulla("seal", "github-app", "app", "-n", "ops", "--url", f"https://github.com/{REPOSITORY}", "--app-id", "4711",
                        "--owner", "barolab", "--private-key", "-", "-w", "ops/app.yaml", input=pem)
        return "ops/app.yaml"

    def at(self, key=True, token=True, app=None):
        words = ["--api-url", self.hub.api]
        words += ["-i", self.repo.recovery] if key else []
        words += ["--app", app] if app else ["--token-file", self.token] if token else []
        return words

    def deploy_key(self, *words, status=0, input="", key=True, token=True, app=None):
        done = self.repo.bulla("deploy-key", *words, *self.at(key, token, app), status=status, input=input)
        assert TOKEN not in done.out + done.err
        return done

    def keys(self):
        """{title: key} as the hub has them."""
        return {k["title"]: k for k in self.hub.repos[REPOSITORY].values()}
