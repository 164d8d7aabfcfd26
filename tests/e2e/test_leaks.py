# SPDX-License-Identifier: Apache-2.0
"""check --live offers to have GitHub revoke tokens that were found in plain text: at a terminal, asked first, and never
without being asked."""
import base64
import json

import pytest
from checkout import FINDINGS, IO, Checkout, Terminal
from fakegithub import FakeGitHub, Fault
from livebed import pat

LEAKED, OTHER = pat("Leaked1Leaked2"), pat("Other3Other4")
QUESTION = "Have it revoked at "


@pytest.fixture
def hub():
    with FakeGitHub() as made:
        made.token(LEAKED)
        made.token(OTHER)
        yield made
        assert made.violations == []


@pytest.fixture
def repo(tmp_path):
    made = Checkout(tmp_path)
    made.init("-r", "eu-west9")
    return made


def check(repo, hub, *more):
    return ["check", "--live", "-i", repo.recovery, "--api-url", hub.url, *more]


def test_it_is_asked_first_and_then_revoked(repo, hub):
    repo.write("app.env", f"A=1\nTOKEN={LEAKED}\n")
    at = Terminal(repo, *check(repo, hub))
    text = at.read_until(QUESTION)
    assert "app.env:2: a classic GitHub personal access token" in text and "what uses it stops working" in text.replace("\r\n", " ")
    assert hub.revoked == []
    at.type("y\n")
    text += at.end(FINDINGS)
    assert "has taken 1 token to be revoked" in text and LEAKED not in text
    assert hub.revoked == [LEAKED] and LEAKED not in hub.tokens and OTHER in hub.tokens
    assert [r[0:2] for r in hub.requests] == [("POST", "/credentials/revoke")]


@pytest.mark.parametrize("answer", ["n", "", "yep"])
def test_anything_but_yes_revokes_nothing(repo, hub, answer):
    repo.write("app.env", f"TOKEN={LEAKED}\n")
    at = Terminal(repo, *check(repo, hub))
    at.read_until(QUESTION)
    at.type(answer + "\n")
    at.end(FINDINGS)
    assert hub.requests == []


def test_each_is_asked_about(repo, hub):
    repo.write("app.env", f"TOKEN={LEAKED}\nAGAIN={LEAKED}\n")
    repo.write("b64.yaml", f"data: {base64.b64encode(OTHER.encode()).decode()}\n")
    at = Terminal(repo, *check(repo, hub))
    for token in sorted((LEAKED, OTHER)):
        text = at.read_until(QUESTION)
        assert ("app.env:1" in text and "app.env:2" in text) == (token == LEAKED), text
        at.text = ""
        at.type("y\n" if token == OTHER else "n\n")
    at.end(FINDINGS)
    assert hub.revoked == [OTHER]  # out of its base64


def test_nobody_is_asked_without_a_terminal(repo, hub):
    repo.write("app.env", f"TOKEN={LEAKED}\n")
    done = repo.bulla(*check(repo, hub), "-o", "json", input="y\n", status=FINDINGS)
    assert "1 GitHub token could be revoked at once" in done.err and hub.requests == []
    assert LEAKED not in done.out + done.err and len(json.loads(done.out)["findings"]) == 1


@pytest.mark.parametrize("text", [f"TOKEN={LEAKED} # bulla:allow\n", f"TOKEN={LEAKED[:-1]}x\n", "TOKEN=ghs_" + "a1B2" * 9 + "\n",
                                  "-----BEGIN PRIVATE KEY-----\n"])
def test_what_is_not_offered(repo, hub, text):
    """What is allowed, what is no token, and what cannot be revoked so."""
    repo.write("app.env", text)
    done = repo.bulla(*check(repo, hub), status=None)
    assert "could be revoked" not in done.err


def test_without_live_nothing_is_offered(repo, hub):
    repo.write("app.env", f"TOKEN={LEAKED}\n")
    at = Terminal(repo, "check")
    assert "revoked at" not in at.end(FINDINGS)


def test_known_ones_are_not_offered(repo, hub):
    repo.write("app.env", f"TOKEN={LEAKED}\n")
    repo.bulla("check", "--update-baseline")
    assert "could be revoked" not in repo.bulla(*check(repo, hub)).err


def test_those_of_the_history(repo, hub):
    repo.write("app.env", f"TOKEN={LEAKED}\n")
    repo.commit()
    repo.write("app.env", "TOKEN=\n")
    repo.commit()
    at = Terminal(repo, *check(repo, hub, "--history"))
    assert "app.env:1 (commit " in at.read_until(QUESTION)
    at.type("y\n")
    at.end(FINDINGS)
    assert hub.revoked == [LEAKED]


def test_what_is_staged(repo, hub):
    repo.write("app.env", f"TOKEN={LEAKED}\n")
    repo.git("add", "app.env")
    repo.write("app.env", "")
    at = Terminal(repo, *check(repo, hub, "--staged"))
    at.read_until(QUESTION)
    at.type("y\n")
    at.end(FINDINGS)
    assert hub.revoked == [LEAKED]


@pytest.mark.parametrize("fault, status, words", [
    # GitHub's words may quote what was sent
    (dict(status=422, body={"message": f"{LEAKED} is bad", "documentation_url": "https://docs.github.com/rest", "errors": [LEAKED]}), 3, "did not take the tokens (status 422)"),
    (dict(status=403, body={"message": f"no {LEAKED}"}), IO, "did not take the tokens (status 403)"),
    (dict(status=429, headers={"Retry-After": "3000"}, body={"message": "slow down"}), IO, "no more than 60 such requests an hour"),
    (dict(status=200, headers={"Content-Type": "text/html"}, body=b"<html>Sign in</html>"), IO, ""),
])
def test_what_github_does_not_take(repo, hub, fault, status, words):
    repo.write("app.env", f"TOKEN={LEAKED}\n")
    hub.faults.append(Fault("POST", "/credentials/revoke", times=9, **fault))
    at = Terminal(repo, *check(repo, hub))
    at.read_until(QUESTION)
    at.type("y\n")
    text = at.end(status)
    assert words in text and LEAKED not in text and "has taken" not in text
