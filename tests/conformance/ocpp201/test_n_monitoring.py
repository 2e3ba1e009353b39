"""Block N, monitoring and customer information: what stations watch for us and tell us, and what they know
of a customer.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1. Logs are elsewhere.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ..double import Double
from ..inventory import ACCEPTED, Model, place
from ..product import Product

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)

EVSE_STATE = {"component": "EVSE", "evse_id": 1, "variable": "AvailabilityState"}
STATION_STATE = {"component": "ChargingStation", "variable": "AvailabilityState"}
STATION_POWER = {"component": "ChargingStation", "variable": "Power"}


@pytest.fixture
def name() -> str:
    return f"N{next(_names)}"


def on_wire(variable: dict[str, Any]) -> dict[str, Any]:
    return place(variable["component"], variable["variable"], evse_id=variable.get("evse_id"))


def monitored(
    version: str, variable: dict[str, Any], monitor_id: int, kind: str, value: float, severity: int
) -> dict[str, Any]:
    """One element of a monitoring report."""
    monitor = {
        "id": monitor_id,
        "transaction": False,
        "value": value,
        "type": kind,
        "severity": severity,
    }
    if version == "2.1":
        monitor["eventNotificationType"] = "CustomMonitor"
    return on_wire(variable) | {"variableMonitoring": [monitor]}


async def report(product: Product, double: Double, request_id: int, *items: dict[str, Any]) -> None:
    """A report of monitors, each in a part of its own."""
    for number, item in enumerate(items):
        part = {
            "requestId": request_id,
            "generatedAt": product.at(),
            "seqNo": number,
            "tbc": number < len(items) - 1,
            "monitor": [item],
        }
        assert await double.call("NotifyMonitoringReport", part) == {}


async def nothing_then_something(
    product: Product, name: str, version: str, first: dict[str, Any], then: dict[str, Any], *told: Any
) -> list[dict[str, Any]]:
    """Two questions: the first finds nothing, the second what is told. Returns both as they were sent."""
    async with product.station(name, version) as double:
        double.reactions["GetMonitoringReport"] = {"status": "EmptyResultSet"}
        empty = await product.command(name, "get_monitoring_report", **first)
        assert (empty.status_code, empty.json()["status"]) == (200, "EmptyResultSet")
        double.reactions["GetMonitoringReport"] = ACCEPTED
        assert (await product.command(name, "get_monitoring_report", **then)).status_code == 200
        asked = await double.wait_heard("GetMonitoringReport", 2)
        await report(product, double, asked["requestId"], *told)
        states = [item["state"] for item in await product.get(f"/stations/{name}/reports")]
        assert states == ["complete", "empty"]
        return [payload for _, payload in double.heard]


# ---------------------------------------------------------------- reports of monitors


@proves("N02.FR.05", "N02.FR.10")
async def test_TC_N_01_CSMS_monitors_by_criterion(product: Product, name: str, version: str) -> None:
    """Monitors of one kind are asked for; thresholds that are told are shown."""
    first, then = await nothing_then_something(
        product,
        name,
        version,
        {"criteria": ["DeltaMonitoring"]},
        {"criteria": ["ThresholdMonitoring"]},
        monitored(version, STATION_POWER, 7, "UpperThreshold", 11_000, 4),
        monitored(version, STATION_POWER, 8, "LowerThreshold", 100, 6),
    )
    assert first["monitoringCriteria"] == ["DeltaMonitoring"]
    assert then["monitoringCriteria"] == ["ThresholdMonitoring"]
    shown = await product.get(f"/stations/{name}/monitors")
    assert [(item["monitor_id"], item["kind"], item["value"], item["severity"]) for item in shown] == [
        (7, "UpperThreshold", 11_000.0, 4),
        (8, "LowerThreshold", 100.0, 6),
    ]


@proves("N02.FR.05", "N02.FR.10")
async def test_TC_N_02_CSMS_monitors_of_a_variable(product: Product, name: str, version: str) -> None:
    """Monitors of a variable that is named are asked for and shown."""
    first, then = await nothing_then_something(
        product,
        name,
        version,
        {"variables": [STATION_POWER]},
        {"variables": [EVSE_STATE]},
        monitored(version, EVSE_STATE, 3, "Delta", 1, 8),
    )
    assert first["componentVariable"] == [on_wire(STATION_POWER)]
    assert then["componentVariable"] == [on_wire(EVSE_STATE)]
    [shown] = await product.get(f"/stations/{name}/monitors")
    assert (shown["component"], shown["evse_id"], shown["variable"]) == ("EVSE", 1, "AvailabilityState")


@proves("N02.FR.05", "N02.FR.10")
async def test_TC_N_03_CSMS_monitors_by_criterion_and_variable(
    product: Product, name: str, version: str
) -> None:
    """Both are asked for together."""
    first, then = await nothing_then_something(
        product,
        name,
        version,
        {"criteria": ["DeltaMonitoring"], "variables": [EVSE_STATE]},
        {"criteria": ["ThresholdMonitoring"], "variables": [STATION_POWER]},
        monitored(version, STATION_POWER, 7, "UpperThreshold", 11_000, 4),
    )
    assert (first["monitoringCriteria"], first["componentVariable"]) == (
        ["DeltaMonitoring"],
        [on_wire(EVSE_STATE)],
    )
    assert (then["monitoringCriteria"], then["componentVariable"]) == (
        ["ThresholdMonitoring"],
        [on_wire(STATION_POWER)],
    )
    [shown] = await product.get(f"/stations/{name}/monitors")
    assert (shown["component"], shown["kind"]) == ("ChargingStation", "UpperThreshold")


@proves("N02.FR.01", "N02.FR.06")
async def test_TC_N_47_CSMS_all_monitors(product: Product, name: str, version: str) -> None:
    """Without a criterion all are asked for; those that are not among them any more are forgotten."""
    async with product.station(name, version) as double:
        double.reactions["GetMonitoringReport"] = ACCEPTED
        for count, monitor_ids in ((1, (1, 2)), (2, (2, 3))):
            assert (await product.command(name, "get_monitoring_report")).status_code == 200
            asked = await double.wait_heard("GetMonitoringReport", count)
            assert set(asked) == {"requestId"}
            told = [monitored(version, EVSE_STATE, number, "Delta", 1, 8) for number in monitor_ids]
            await report(product, double, asked["requestId"], *told)
            shown = await product.get(f"/stations/{name}/monitors")
            assert [item["monitor_id"] for item in shown] == list(monitor_ids)


@proves("N02.FR.05", "N02.FR.10")
async def test_TC_N_60_CSMS_monitors_of_several_variables(product: Product, name: str, version: str) -> None:
    """A criterion and several variables are asked for together."""
    both = [STATION_STATE, EVSE_STATE]
    first, then = await nothing_then_something(
        product,
        name,
        version,
        {"criteria": ["ThresholdMonitoring"], "variables": both},
        {"criteria": ["DeltaMonitoring"], "variables": both},
        monitored(version, STATION_STATE, 1, "Delta", 1, 8),
        monitored(version, EVSE_STATE, 2, "Delta", 1, 8),
    )
    for asked, criterion in ((first, "ThresholdMonitoring"), (then, "DeltaMonitoring")):
        assert asked["monitoringCriteria"] == [criterion]
        assert asked["componentVariable"] == [on_wire(STATION_STATE), on_wire(EVSE_STATE)]
    shown = await product.get(f"/stations/{name}/monitors")
    assert [(item["component"], item["evse_id"]) for item in shown] == [
        ("ChargingStation", None),
        ("EVSE", 1),
    ]


# ---------------------------------------------------------------- monitors


@proves("N03.FR.03", "N03.FR.04", "N03.FR.05")
async def test_TC_N_05_CSMS_monitoring_base(product: Product, name: str, version: str) -> None:
    """Each base is set; the one that the station works with is shown."""
    async with product.station(name, version) as double:
        double.reactions["SetMonitoringBase"] = ACCEPTED
        for base in ("All", "FactoryDefault", "HardWiredOnly"):
            assert (await product.command(name, "set_monitoring_base", base=base)).status_code == 200
            assert double.heard[-1] == ("SetMonitoringBase", {"monitoringBase": base})
            [known] = await product.get(f"/stations/{name}/variables", component="MonitoringCtrlr")
            assert (known["variable"], known["value"]) == ("ActiveMonitoringBase", base)


@proves("N04.FR.01", "N04.FR.02", "N04.FR.17")
async def test_TC_N_08_CSMS_set_a_monitor(product: Product, name: str, version: str) -> None:
    """A monitor is installed and shown under the id that the station gave it."""
    async with product.station(name, version) as double:
        given = on_wire(EVSE_STATE) | {"type": "Delta", "severity": 8}
        double.reactions["SetVariableMonitoring"] = {
            "setMonitoringResult": [given | {"status": "Accepted", "id": 12}]
        }
        monitor = {"variable": EVSE_STATE, "kind": "Delta", "value": 1, "severity": 8}
        answer = await product.command(name, "set_variable_monitoring", monitors=[monitor])
        assert answer.json()["data"] == [{"monitor_id": 12, "status": "Accepted", "detail": ""}]
        [(_, sent)] = double.heard
        assert sent == {"setMonitoringData": [given | {"value": 1}]}
        [shown] = await product.get(f"/stations/{name}/monitors")
        assert (shown["monitor_id"], shown["kind"], shown["severity"]) == (12, "Delta", 8)
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("set_variable_monitoring", "accepted")


@proves("N05.FR.01")
async def test_TC_N_16_CSMS_monitoring_level(product: Product, name: str, version: str) -> None:
    """The severity from which on events are told is set, and shown."""
    async with product.station(name, version) as double:
        double.reactions["SetMonitoringLevel"] = ACCEPTED
        assert (await product.command(name, "set_monitoring_level", severity=4)).status_code == 200
        assert double.heard == [("SetMonitoringLevel", {"severity": 4})]
        [known] = await product.get(f"/stations/{name}/variables", component="MonitoringCtrlr")
        assert (known["variable"], known["value"]) == ("ActiveMonitoringLevel", "4")
        wrong = await product.command(name, "set_monitoring_level", severity=10)
        assert wrong.status_code == 422
        assert len(double.heard) == 1


@proves("N05.FR.02")
async def test_TC_N_17_CSMS_monitoring_level_refused(product: Product, name: str, version: str) -> None:
    """A station that refuses a level keeps what it had."""
    async with product.station(name, version) as double:
        double.reactions["SetMonitoringLevel"] = {"status": "Rejected"}
        refused = await product.command(name, "set_monitoring_level", severity=4)
        assert (refused.status_code, refused.json()["outcome"]["status"]) == (502, "Rejected")
        assert await product.get(f"/stations/{name}/variables") == []


@proves("N06.FR.01", "N06.FR.02", "N06.FR.04")
async def test_TC_N_18_CSMS_clear_many_monitors(product: Product, name: str, version: str) -> None:
    """More monitors than the station takes at once are cleared in several messages."""
    limit = {
        "component": "MonitoringCtrlr",
        "variable": "ItemsPerMessage",
        "variable_instance": "ClearVariableMonitoring",
    }
    async with product.station(name, version) as double:
        Model({("MonitoringCtrlr", None, "ItemsPerMessage"): "2"}).attach(double)
        double.reactions["ClearVariableMonitoring"] = lambda payload: {
            "clearMonitoringResult": [
                {"id": number, "status": "Accepted" if number % 2 else "NotFound"} for number in payload["id"]
            ]
        }
        assert (await product.command(name, "get_variables", variables=[limit])).status_code == 200
        answer = await product.command(name, "clear_variable_monitoring", monitor_ids=[1, 2, 3, 4, 5])
        sent = [payload["id"] for action, payload in double.heard if action == "ClearVariableMonitoring"]
        assert sent == [[1, 2], [3, 4], [5]]
        results = answer.json()["outcome"]["data"]
        assert [item["status"] for item in results] == ["Accepted", "NotFound"] * 2 + ["Accepted"]


@proves("N06.FR.03", "N06.FR.05")
async def test_TC_N_44_CSMS_clear_a_hard_wired_monitor(product: Product, name: str, version: str) -> None:
    """A monitor that can't be cleared stays shown."""
    async with product.station(name, version) as double:
        double.reactions["GetMonitoringReport"] = ACCEPTED
        await product.command(name, "get_monitoring_report")
        asked = await double.wait_heard("GetMonitoringReport")
        told = [monitored(version, EVSE_STATE, number, "Delta", 1, 8) for number in (1, 2)]
        await report(product, double, asked["requestId"], *told)
        double.reactions["ClearVariableMonitoring"] = {
            "clearMonitoringResult": [{"id": 1, "status": "Rejected"}, {"id": 2, "status": "Accepted"}]
        }
        refused = await product.command(name, "clear_variable_monitoring", monitor_ids=[1, 2])
        assert (refused.status_code, refused.json()["outcome"]["status"]) == (502, "Partial")
        [left] = await product.get(f"/stations/{name}/monitors")
        assert left["monitor_id"] == 1


# ---------------------------------------------------------------- events


def event(product: Product, trigger: str, value: str, **more: Any) -> dict[str, Any]:
    """One element of eventData, about the station's power."""
    return (
        on_wire(STATION_POWER)
        | {
            "eventId": next(_names),
            "timestamp": product.at(),
            "trigger": trigger,
            "actualValue": value,
            "eventNotificationType": "CustomMonitor",
        }
        | more
    )


async def notify(product: Product, double: Double, *events: dict[str, Any]) -> dict[str, Any]:
    told = {"generatedAt": product.at(), "seqNo": 0, "eventData": list(events)}
    return await double.call("NotifyEvent", told)


@proves("N07.FR.03", "N07.FR.06")
async def test_TC_N_21_CSMS_alert_of_a_hard_wired_monitor(product: Product, name: str, version: str) -> None:
    """An alert is answered, stands as an alarm with its monitor's severity, and is kept once."""
    async with product.station(name, version) as double:
        double.reactions["GetMonitoringReport"] = ACCEPTED
        await product.command(name, "get_monitoring_report")
        asked = await double.wait_heard("GetMonitoringReport")
        upper = monitored(version, STATION_POWER, 7, "UpperThreshold", 11_000, 2)
        await report(product, double, asked["requestId"], upper)
        alert = event(
            product,
            "Alerting",
            "11500",
            variableMonitoringId=7,
            eventNotificationType="HardWiredMonitor",
            techCode="E42",
        )
        for _ in range(2):  # repeated, as its answer was lost
            assert await notify(product, double, alert) == {}
        page = await product.get(f"/stations/{name}/events")
        [kept] = page["items"]
        assert (kept["severity"], kept["alarm"], kept["value"]) == (2, True, "11500")
        assert (kept["kind"], kept["tech_code"]) == ("HardWiredMonitor", "E42")
        alarms = await product.get("/alarms", station_id=name, most_severe=2)
        assert [item["id"] for item in alarms["items"]] == [kept["id"]]
        assert (await product.get("/alarms", station_id=name, most_severe=1))["items"] == []


@proves("N08.FR.02")
async def test_TC_N_24_CSMS_periodic_events(product: Product, name: str, version: str) -> None:
    """Events of a period are answered, each kept, the newest shown first and as the variable's value."""
    async with product.station(name, version) as double:
        for value in ("7000", "7100", "7200"):
            assert await notify(product, double, event(product, "Periodic", value)) == {}
        page = await product.get(f"/stations/{name}/events", limit=2)
        assert [item["value"] for item in page["items"]] == ["7200", "7100"]
        rest = await product.get(f"/stations/{name}/events", before=page["next"])
        assert ([item["value"] for item in rest["items"]], rest["next"]) == (["7000"], None)
        assert not any(item["alarm"] for item in page["items"])
        [known] = await product.get(f"/stations/{name}/variables")
        assert (known["variable"], known["value"]) == ("Power", "7200")


@proves("N07.FR.02", "N07.FR.14")
async def test_TC_N_49_CSMS_an_alert_is_cleared(product: Product, name: str, version: str) -> None:
    """What is cleared, after a boot or not, is no alarm any more; both events are kept."""
    async with product.station(name, version) as double:
        await notify(product, double, event(product, "Alerting", "11500", variableMonitoringId=7))
        assert len((await product.get("/alarms", station_id=name))["items"]) == 1
        cleared = event(product, "Alerting", "9000", variableMonitoringId=7, cleared=True)
        assert await notify(product, double, cleared) == {}
        assert (await product.get("/alarms", station_id=name))["items"] == []
        kept = (await product.get(f"/stations/{name}/events"))["items"]
        assert [(item["cleared"], item["alarm"]) for item in kept] == [(True, False), (False, False)]


@proves("N08.FR.05", "N08.FR.02")
async def test_TC_N_50_CSMS_periodic_trigger(product: Product, name: str, version: str) -> None:
    """An event that a period triggered says so."""
    async with product.station(name, version) as double:
        assert await notify(product, double, event(product, "Periodic", "7000")) == {}
        [kept] = (await product.get(f"/stations/{name}/events"))["items"]
        assert (kept["trigger"], kept["value"]) == ("Periodic", "7000")


# ---------------------------------------------------------------- customers

TOKEN = {"value": "CAFE01", "kind": "ISO14443"}
WIRE_TOKEN = {"idToken": "CAFE01", "type": "ISO14443"}


async def told_of_customer(
    product: Product,
    double: Double,
    name: str,
    parts: tuple[str, ...],
    **asked: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask, let the station tell `parts`; returns what was sent and what is kept."""
    double.reactions["CustomerInformation"] = ACCEPTED
    answer = await product.command(name, "customer_information", **asked)
    assert answer.status_code == 200, answer.text
    sent = await double.wait_heard("CustomerInformation")
    for number, part in enumerate(parts):
        notification = {
            "data": part,
            "seqNo": number,
            "tbc": number < len(parts) - 1,
            "generatedAt": product.at(),
            "requestId": sent["requestId"],
        }
        assert await double.call("NotifyCustomerInformation", notification) == {}
    kept = await product.get(f"/stations/{name}/customer-information/{sent['requestId']}")
    assert kept["state"] == "complete"
    wanted = {"customer_information", "read_customer_information"}
    deeds = [deed for deed in await product.audit(name) if deed["action"] in wanted]
    assert {deed["action"] for deed in deeds} == wanted
    assert not any(who in str(deeds) for who in ("CAFE01", "OpenChargeAlliance"))  # nobody is named
    return sent, kept


@proves("N09.FR.01", "N09.FR.04", "N09.FR.05")
async def test_TC_N_27_CSMS_customer_with_data(product: Product, name: str, version: str) -> None:
    """What a station knows of a token is told in parts, kept, readable and removable."""
    async with product.station(name, version) as double:
        sent, kept = await told_of_customer(
            product, double, name, ("CAFE01 is in ", "the cache"), report=True, clear=False, token=TOKEN
        )
        assert (sent["report"], sent["clear"], sent["idToken"]) == (True, False, WIRE_TOKEN)
        assert kept["data"] == "CAFE01 is in the cache"
        path = f"/api/v1/stations/{name}/customer-information"
        [listed] = (await product.api.get(path)).json()
        assert (listed["data"], listed["reported"], listed["cleared"]) == (None, True, False)
        assert (await product.api.delete(f"{path}/{sent['requestId']}")).status_code == 204
        assert (await product.api.get(path)).json() == []


@proves("N09.FR.01", "N09.FR.04", "N09.FR.06")
async def test_TC_N_28_CSMS_customer_without_data(product: Product, name: str, version: str) -> None:
    """A station that knows nothing says so in one part."""
    async with product.station(name, version) as double:
        sent, kept = await told_of_customer(
            product, double, name, ("no data",), report=True, clear=False, token=TOKEN
        )
        assert (sent["report"], sent["idToken"], kept["data"]) == (True, WIRE_TOKEN, "no data")


@proves("N09.FR.01", "N09.FR.03", "N09.FR.04")
async def test_TC_N_29_CSMS_customer_refused(product: Product, name: str, version: str) -> None:
    """A refusal is told to who asked, and kept as such."""
    async with product.station(name, version) as double:
        double.reactions["CustomerInformation"] = {"status": "Rejected"}
        answer = await product.command(name, "customer_information", report=True, clear=False, token=TOKEN)
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "Rejected")
        sent = await double.wait_heard("CustomerInformation")
        assert (sent["report"], sent["idToken"]) == (True, WIRE_TOKEN)
        await product.until(
            lambda said: [item["state"] for item in said] == ["refused"],
            f"/stations/{name}/customer-information",
        )
        nobody = await product.command(name, "customer_information", report=True, clear=False)
        assert nobody.status_code == 422
        assert len(double.heard) == 1


@proves("N10.FR.03", "N10.FR.08")
async def test_TC_N_30_CSMS_clear_and_report(product: Product, name: str, version: str) -> None:
    """What a station knows is told and forgotten."""
    async with product.station(name, version) as double:
        sent, kept = await told_of_customer(
            product, double, name, ("CAFE01 was in the cache",), report=True, clear=True, token=TOKEN
        )
        assert (sent["report"], sent["clear"], sent["idToken"]) == (True, True, WIRE_TOKEN)
        assert (kept["cleared"], kept["data"]) == (True, "CAFE01 was in the cache")


@proves("N10.FR.04", "N10.FR.08")
async def test_TC_N_31_CSMS_clear_and_report_nothing(product: Product, name: str, version: str) -> None:
    """A station that had nothing to forget says so."""
    async with product.station(name, version) as double:
        sent, kept = await told_of_customer(
            product, double, name, ("no data",), report=True, clear=True, token=TOKEN
        )
        assert (sent["report"], sent["clear"], kept["data"]) == (True, True, "no data")


@proves("N10.FR.06", "N10.FR.08")
async def test_TC_N_32_CSMS_clear_without_report(product: Product, name: str, version: str) -> None:
    """Forgetting alone is confirmed in one part."""
    async with product.station(name, version) as double:
        sent, kept = await told_of_customer(
            product, double, name, ("cleared",), report=False, clear=True, token=TOKEN
        )
        assert (sent["report"], sent["clear"], sent["idToken"]) == (False, True, WIRE_TOKEN)
        assert (kept["reported"], kept["cleared"]) == (False, True)


@proves("N10.FR.08")
async def test_TC_N_62_CSMS_clear_by_customer_identifier(product: Product, name: str, version: str) -> None:
    """The customer may be named by an identifier."""
    async with product.station(name, version) as double:
        sent, _ = await told_of_customer(
            product, double, name, ("gone",), report=True, clear=True, identifier="OpenChargeAlliance"
        )
        assert sent["customerIdentifier"] == "OpenChargeAlliance"
        assert (sent["report"], sent["clear"], "idToken" in sent) == (True, True, False)
        assert "OpenChargeAlliance" not in str(await product.get(f"/stations/{name}/reports"))


@proves("N10.FR.08", "N10.FR.09")
async def test_TC_N_63_CSMS_clear_by_certificate(product: Product, name: str, version: str) -> None:
    """The customer may be named by a certificate's hashes, in the algorithm it was installed with."""
    certificate = {
        "algorithm": "SHA384",
        "issuer_name_hash": "aa" * 48,
        "issuer_key_hash": "bb" * 48,
        "serial_number": "1f",
    }
    async with product.station(name, version) as double:
        sent, _ = await told_of_customer(
            product, double, name, ("gone",), report=True, clear=True, certificate=certificate
        )
        assert sent["customerCertificate"] == {
            "hashAlgorithm": "SHA384",
            "issuerNameHash": "aa" * 48,
            "issuerKeyHash": "bb" * 48,
            "serialNumber": "1f",
        }


@proves("N10.FR.02", "N10.FR.08", "D01.FR.01", "D01.FR.06", "D01.FR.18")
async def test_TC_N_46_CSMS_clear_a_customer_of_the_local_list(
    product: Product, name: str, version: str
) -> None:
    """A customer that is forgotten comes off the station's local list at once, and is not put on it again."""
    value = f"CAFE-{name}"
    token = await product.api.put(f"/api/v1/tokens/{value}", json={"value": value, "kind": "ISO14443"})
    assert token.status_code == 200, token.text
    async with product.station(name, version) as double:
        held: dict[str, int] = {}

        def take(update: dict[str, Any]) -> dict[str, Any]:
            held["version"] = update["versionNumber"]
            return ACCEPTED

        double.reactions["SendLocalList"] = take
        double.reactions["GetLocalListVersion"] = lambda _: {"versionNumber": held.get("version", 0)}
        await product.until(lambda said: said["online"], f"/stations/{name}")
        synced = await product.api.post(f"/api/v1/stations/{name}/local-list/sync", json={})
        assert synced.status_code == 200, synced.text
        before = held["version"]
        named = {"value": value, "kind": "ISO14443"}
        sent, _ = await told_of_customer(
            product, double, name, ("gone",), report=True, clear=True, token=named
        )
        assert sent["idToken"] == {"idToken": value, "type": "ISO14443"}
        update = await double.wait_heard("SendLocalList", 2)
        assert (update["updateType"], update["versionNumber"] > before) == ("Differential", True)
        assert update["localAuthorizationList"] == [{"idToken": {"idToken": value, "type": "ISO14443"}}]
        assert not (await product.get(f"/tokens/{value}"))["listed"]
