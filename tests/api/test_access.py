"""The door: sign-in, cookies, roles, keys, origins, rate limits."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from .node import Node, running_node, short_settings

API = "/api/v1"


async def test_a_link_signs_in_once_and_sets_a_strict_cookie(node: Node) -> None:
    link = await node.access.first_link()
    assert link is not None
    browser = node.client(origin=node.server.url)
    answer = await browser.post(f"{API}/sign-in", json={"code": link.code})
    assert answer.status_code == 200
    assert answer.json()["actor"] == "user:owner"
    assert answer.json()["permissions"] == ["read", "operate", "protect", "release", "audit", "administer"]
    cookie = answer.headers["set-cookie"].lower()
    for flag in ("httponly", "samesite=strict", "path=/", "max-age=2592000"):
        assert flag in cookie
    assert "secure" not in cookie  # plain http on this machine
    assert (await browser.get(f"{API}/me")).json()["name"] == "owner"

    second = await node.client().post(f"{API}/sign-in", json={"code": link.code})
    assert second.status_code == 401
    assert second.headers["content-type"].startswith("application/problem+json")
    assert second.json()["type"] == "urn:ampacity:link-not-valid"
    assert "ampacity link" in second.json()["remedy"]
    assert "set-cookie" not in second.headers


async def test_signing_out_ends_the_session(node: Node) -> None:
    browser = await node.as_person("anna", "viewer")
    held = browser.cookies["ampacity_session"]
    answer = await browser.post(f"{API}/sign-out")
    assert answer.status_code == 204
    browser.cookies.set("ampacity_session", held)
    assert (await browser.get(f"{API}/me")).status_code == 401


async def test_nobody_is_told_to_sign_in(node: Node) -> None:
    answer = await node.client().get(f"{API}/sites")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    problem = answer.json()
    assert problem["status"] == 401
    assert problem["instance"] == f"{API}/sites"
    assert problem["what"]
    assert problem["remedy"]


async def test_a_wrong_key_is_refused_even_with_a_good_cookie(node: Node) -> None:
    browser = await node.as_person("anna", "owner")
    for header in ("Bearer amp_aaaaaaaa_00", "Bearer", "Basic YTpi", "amp_x_y", ""):
        answer = await browser.get(f"{API}/me", headers={"authorization": header})
        assert answer.status_code == 401, header


async def test_a_revoked_key_is_refused_at_once(node: Node) -> None:
    owner = await node.as_person("anna", "owner")
    made = (await owner.post(f"{API}/api-keys", json={"name": "reader", "role": "viewer"})).json()
    program = node.client(authorization=f"Bearer {made['key']}")
    me = (await program.get(f"{API}/me")).json()
    assert (me["actor"], me["via"], me["role"]) == (f"key:{made['about']['prefix']}", "key", "viewer")
    gone = await owner.delete(f"{API}/api-keys/{made['about']['prefix']}")
    assert gone.status_code == 204
    assert (await program.get(f"{API}/me")).status_code == 401
    assert (await owner.delete(f"{API}/api-keys/{made['about']['prefix']}")).status_code == 404
    listed = (await owner.get(f"{API}/api-keys")).json()
    assert [key["revoked_at"] is not None for key in listed] == [True]
    assert made["key"] not in str(listed)
    deeds = (await owner.get(f"{API}/audit", params={"actor": "user:anna"})).json()["items"]
    assert [deed["action"] for deed in deeds] == ["revoke_key", "make_key", "sign_in"]


VIEWER_MAY_NOT = [
    ("PUT", "/sites/work/strategy", {"strategy": "static"}),
    ("PUT", "/sites/work/circuits/grid/limits", {"limit_a": 10}),
    ("DELETE", "/sites/work/circuits/grid/limits", None),
    ("POST", "/sites/work/circuits/grid/meter", {"current_a": [1, 1, 1]}),
    ("POST", "/evses/CP-1/1/boost", {}),
    ("POST", "/evses/CP-1/1/pause", None),
    ("POST", "/evses/CP-1/1/resume", None),
    ("POST", "/evses/CP-1/1/stop", None),
    ("PUT", "/evses/CP-1/1/need", {}),
    ("POST", "/stations/CP-1/commands/reset", {}),
    ("PUT", "/tokens/A", {"value": "A"}),
    ("DELETE", "/tokens/A", None),
    ("POST", "/demo/stations/CP-1/unplug", None),
    ("GET", "/audit", None),
    ("GET", "/api-keys", None),
    ("POST", "/links", {"user": "x"}),
]


async def test_a_viewer_changes_nothing(node: Node) -> None:
    viewer = await node.as_role("viewer")
    for method, path, body in VIEWER_MAY_NOT:
        answer = await viewer.request(method, API + path, json=body)
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["type"] == "urn:ampacity:forbidden"
    assert (await viewer.get(f"{API}/sites")).status_code == 200
    assert node.demo.plugged["CP-1"]
    assert node.site.site.strategy == "dynamic"


async def test_an_operator_does_not_administer(node: Node) -> None:
    operator = await node.as_role("operator")
    assert (await operator.get(f"{API}/audit")).status_code == 200
    for method, path, body in [
        ("GET", "/api-keys", None),
        ("POST", "/api-keys", {"name": "x", "role": "owner"}),
        ("DELETE", "/api-keys/x", None),
        ("POST", "/links", {"user": "x", "role": "owner"}),
        ("GET", "/users", None),
    ]:
        assert (await operator.request(method, API + path, json=body)).status_code == 403, path


async def test_a_link_made_over_the_api_signs_the_user_in(node: Node) -> None:
    owner = await node.as_role("owner")
    made = await owner.post(f"{API}/links", json={"user": "bob", "role": "operator"})
    assert made.status_code == 201
    code = made.json()["path"].split("code=")[1]
    answer = await node.client().post(f"{API}/sign-in", json={"code": code})
    assert (answer.json()["name"], answer.json()["role"]) == ("bob", "operator")
    users = (await owner.get(f"{API}/users")).json()
    assert [(user["name"], user["role"], user["disabled"]) for user in users] == [("bob", "operator", False)]


async def test_a_foreign_page_can_not_change_anything(node: Node) -> None:
    browser = await node.as_person("anna", "operator")
    path, body = f"{API}/sites/work/strategy", {"strategy": "static"}
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        answer = await browser.put(path, json=body, headers={"origin": origin})
        assert answer.status_code == 403, origin
        assert answer.json()["type"] == "urn:ampacity:foreign-origin"
    assert node.site.site.strategy == "dynamic"
    assert (await browser.put(path, json=body)).status_code == 200
    assert node.site.site.strategy == "static"


async def test_a_cookie_without_an_origin_changes_nothing(node: Node) -> None:
    browser = await node.as_person("anna", "operator")
    bare = node.client()
    bare.cookies = browser.cookies
    refused = await bare.post(f"{API}/evses/CP-1/1/pause")
    assert refused.status_code == 403
    said = await bare.post(f"{API}/evses/CP-1/1/pause", headers={"sec-fetch-site": "same-origin"})
    assert said.status_code == 409  # nothing charges there: the door let it through
    assert (await bare.get(f"{API}/sites")).status_code == 200


async def test_sign_in_attempts_are_limited(node: Node) -> None:
    client = node.client()
    answers = [await client.post(f"{API}/sign-in", json={"code": f"guess-{n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["type"] == "urn:ampacity:too-many"


async def test_a_foreign_page_can_not_sign_somebody_in(node: Node) -> None:
    link = await node.access.make_link("anna", "viewer", "test")
    client = node.client(origin="http://evil.example")
    assert (await client.post(f"{API}/sign-in", json={"code": link.code})).status_code == 403


async def test_behind_a_proxy_the_public_address_is_ours(tmp_path: Path) -> None:
    settings = structs.replace(short_settings(), public_url="https://charge.example/")
    async with running_node(tmp_path, settings) as node:
        link = await node.access.make_link("anna", "operator", "test")
        browser = node.client(origin="https://charge.example")
        answer = await browser.post(f"{API}/sign-in", json={"code": link.code})
        assert "secure" in answer.headers["set-cookie"].lower()
        token = answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
        cookie = {"cookie": f"ampacity_session={token}"}
        path, body = f"{API}/sites/work/strategy", {"strategy": "static"}
        assert (await browser.put(path, json=body, headers=cookie)).status_code == 200
        foreign = {**cookie, "origin": "https://charge.example.evil.example"}
        assert (await browser.put(path, json=body, headers=foreign)).status_code == 403
