# SPDX-License-Identifier: Apache-2.0
"""Run with a Python that has pyrage: one JSON request a line, one JSON answer a line, bytes in base64."""
import base64
import json
import sys

import pyrage


def encrypt(r):
    to = [pyrage.x25519.Recipient.from_str(s) for s in r["recipients"]]
    return pyrage.encrypt(r["data"], to, armored=r["armored"])


def decrypt(r):
    return pyrage.decrypt(r["data"], [pyrage.x25519.Identity.from_str(s) for s in r["identities"]])


def encrypt_passphrase(r):
    return pyrage.passphrase.encrypt(r["data"], r["passphrase"], armored=r["armored"])


def decrypt_passphrase(r):
    return pyrage.passphrase.decrypt(r["data"], r["passphrase"])


def keygen(r):
    identity = pyrage.x25519.Identity.generate()
    return f"{identity} {identity.to_public()}".encode()


for line in sys.stdin:
    request = json.loads(line)
    request["data"] = base64.b64decode(request.get("data", ""))
    try:
        answer = {"data": base64.b64encode(globals()[request["do"]](request)).decode()}
    except (pyrage.DecryptError, pyrage.EncryptError) as e:
        answer = {"error": str(e)}
    print(json.dumps(answer), flush=True)
