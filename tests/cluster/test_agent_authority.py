# SPDX-License-Identifier: Apache-2.0
"""The authority that an API server's certificate is of changes under a running agent: it reads the file again that
names whom it trusts, needs no restart, and talks to nobody else meanwhile."""
import time

import pki
from agentbed import value
from processes import wait_for


def handshakes_failed(plane):
    text = plane.admin.request("GET", "/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith("apiserver_tls_handshake_errors_total"))


def answered(agent):
    """Requests that any server has answered."""
    return sum(n for key, n in agent.metrics().items()
               if key.startswith("rest_client_requests_total") and 'code="0"' not in key)


def test_another_authority(new_control_plane, new_bed, tmp_path):
    plane = new_control_plane(controller_manager=False)
    one, two = plane.authority, pki.Authority(plane.folder, "ca2", "test-ca-2")
    trusted = tmp_path / "trusted" / "ca.crt"
    trusted.parent.mkdir()

    def trust(*authorities):
        new = trusted.with_name(".new")
        new.write_text("".join(a.cert.read_text() for a in authorities))
        new.rename(trusted)

    def serve(authority):
        plane.kill_apiserver()
        plane.serve_by(authority)
        plane.start_apiserver()

    trust(one)
    bed = new_bed(plane=plane, ca_file=trusted)
    ns = bed.namespace()

    def refuses(agent, name):
        """It tries, and sends nothing to a server that it does not trust."""
        before = answered(agent)
        bed.put(name, {"v": value()}, ns)
        failed = handshakes_failed(plane)
        wait_for(lambda: handshakes_failed(plane) >= failed + 2, 60, "two more of its handshakes")
        time.sleep(3)  # by then it has read the file again
        assert bed.secret(name, ns) is None and "status" in bed.document(name, ns)
        assert "conditions" not in bed.document(name, ns)["status"]
        assert answered(agent) == before

    # where a server is long in coming back a lease would run out, and nothing here starts an agent that ended
    with bed.run("--settle", 1, "--no-lease") as agent:
        bed.put("a", {"v": value()}, ns)
        bed.ready("a", ns)
        serve(two)
        refuses(agent, "b")
        trust(two)
        bed.ready("b", ns, seconds=60)
        # the one before counts no more
        serve(one)
        refuses(agent, "c")
        trust(two, one)
        bed.ready("c", ns, seconds=60)
        assert bed.secret("a", ns) == bed.sealed["a", ns]
