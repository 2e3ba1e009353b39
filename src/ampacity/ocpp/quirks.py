"""What stations in the field are known to do against the standard, and how we read it.

No branch in the code asks for a make: the reading is the same for every station, because firmware is sold
under many names. The table says whose behaviour a rule was made for, and where it was reported; each row's
case is a test (tests/ocpp/test_quirks.py), and docs/tolerance.md is made from it.
"""

from typing import Literal

from msgspec import Struct


class Quirk(Struct, frozen=True, kw_only=True, gc=False):
    """One deviation. `makes` are vendors or models it was seen at (empty: no one in particular); `sources`
    are public reports, `repository#number`; `done` says whether the message is repaired, passes as it is, or
    is left to whoever reads the meaning.
    """

    name: str
    makes: tuple[str, ...]
    versions: tuple[str, ...]
    does: str
    reading: str
    sources: tuple[str, ...]
    done: Literal["repaired", "accepted", "understood"] = "repaired"


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        name="transaction id overflow",
        makes=("Alfen Eve, firmware before 6.0",),
        versions=("1.6",),
        does="MeterValues and StopTransaction carry transactionId 9223372036854775807",
        reading="an id beyond 32 bits was never given out: the values count for the connector, without a "
        "transaction; a stop is kept as one of an unknown transaction",
        sources=("mobilityhouse/ocpp#617", "lorenzodonini/ocpp-go#188", "steve-community/steve#740"),
    ),
    Quirk(
        name="empty sampledValue",
        makes=("Vestel EVC04", "sonnen Home Charger 2"),
        versions=("1.6", "2.0.1", "2.1"),
        does="a meter value without any sampled value",
        reading="1.6 allows it by OCA's schema; in 2.x the empty meter value is left out, the others stay",
        sources=("lbbrhzn/ocpp#466", "evcc-io/evcc#25708"),
    ),
    Quirk(
        name="values as numbers",
        makes=("OpenEVSE",),
        versions=("1.6",),
        does="sampledValue.value is a number, 1.6 wants a text",
        reading="the number's text",
        sources=(
            "lbbrhzn/ocpp#210",
            "OpenEVSE/openevse_esp32_firmware#335",
            "mobilityhouse/ocpp#377",
            "mobilityhouse/ocpp#353",
        ),
    ),
    Quirk(
        name="frequency in Hz",
        makes=("Charge Amps Halo", "Viridian (Evnex firmware)"),
        versions=("1.6",),
        does="unit Hz or Hertz, which the schema lacks (the errata sheet adds Hertz)",
        reading="Hertz",
        sources=("lbbrhzn/ocpp#1576", "lbbrhzn/ocpp#1969", "mobilityhouse/ocpp#70"),
    ),
    Quirk(
        name="unknown context",
        makes=("Alfen Eve Pro",),
        versions=("1.6",),
        does="a context that no list has",
        reading="no context: a periodic sample",
        sources=("lbbrhzn/ocpp#361",),
    ),
    Quirk(
        name="one meter value without its list",
        makes=("Huawei wallbox",),
        versions=("1.6",),
        does="meterValue is one object instead of a list",
        reading="a list of one",
        sources=("lbbrhzn/ocpp#1144",),
    ),
    Quirk(
        name="long serial number",
        makes=("Schneider EVlink Smart Wallbox", "Schneider EVlink G4 Smart"),
        versions=("1.6",),
        does="serial numbers of 26 and 33 characters, 25 are allowed",
        reading="kept whole: a serial number that is cut is another one",
        sources=(
            "mobilityhouse/ocpp#122",
            "mobilityhouse/ocpp#128",
            "mobilityhouse/ocpp#273",
            "lbbrhzn/ocpp#1155",
            "lbbrhzn/ocpp#1622",
        ),
    ),
    Quirk(
        name="long model name",
        makes=("HICI",),
        versions=("1.6",),
        does="chargePointModel of 23 characters, 20 are allowed",
        reading="kept whole",
        sources=("lorenzodonini/ocpp-go#359", "steve-community/steve#1259"),
    ),
    Quirk(
        name="empty vendor",
        makes=("Huawei SCharger-22KT-S0",),
        versions=("1.6",),
        does="chargePointVendor is empty",
        reading="as it is: the schema allows it",
        sources=("evcc-io/evcc#32170",),
        done="accepted",
    ),
    Quirk(
        name="long info",
        makes=(),
        versions=("1.6",),
        does="StatusNotification.info of more than 50 characters",
        reading="cut at 50",
        sources=("lbbrhzn/ocpp#987",),
    ),
    Quirk(
        name="unknown error code",
        makes=("Legrand GreenUp",),
        versions=("1.6",),
        does="errorCode Error, which no list has",
        reading="OtherError",
        sources=("lbbrhzn/ocpp#1248",),
    ),
    Quirk(
        name="time without a zone",
        makes=("Growatt THOR", "AEFA Home"),
        versions=("1.6", "2.0.1", "2.1"),
        does="local-looking times without Z",
        reading="UTC, as the standard wants times to be",
        sources=("evcc-io/evcc#10399", "lbbrhzn/ocpp#2032"),
        done="understood",
    ),
    Quirk(
        name="offset of hours only",
        makes=("Monta's emulator",),
        versions=("1.6",),
        does="2024-04-26T14:35:02+02",
        reading="+02:00",
        sources=("monta-app/ocpp-emulator#5", "monta-app/ocpp-emulator#53"),
    ),
    Quirk(
        name="a day that does not exist",
        makes=("ABB Terra AC, firmware of 2022",),
        versions=("1.6",),
        does="2022-02-29 on the first of March",
        reading="counted on from the month's first: 1 March",
        sources=("steve-community/steve#769",),
    ),
    Quirk(
        name="stop without a transaction id",
        makes=(),
        versions=("1.6",),
        does="StopTransaction with transactionId null",
        reading="0, a transaction whose id the station never got: kept and reconciled",
        sources=("dallmann-consulting/OCPP.Core#29",),
    ),
    Quirk(
        name="stop with id -1 or 0",
        makes=("EVerest when it started offline", "TKT EV"),
        versions=("1.6",),
        does="StopTransaction with transactionId -1 or 0",
        reading="as above",
        sources=("EVerest/libocpp#495", "mikuso/ocpp-rpc#82"),
        done="understood",
    ),
    Quirk(
        name="long idTag",
        makes=("Sigenergy EVDC",),
        versions=("1.6",),
        does="StopTransaction with the idTag of the start and one character more than 20",
        reading="kept whole: the stop counts, the token is an unknown one",
        sources=("lbbrhzn/ocpp#1803",),
    ),
    Quirk(
        name="members of other messages",
        makes=("chargestation.one",),
        versions=("1.6", "2.0.1", "2.1"),
        does="StopTransaction with connectorId and disconnectReason",
        reading="unknown members are left out; customData of 2.x is kept",
        sources=("road-labs/chargestation-one#61",),
    ),
    Quirk(
        name="settings that are no text",
        makes=("Scame",),
        versions=("1.6",),
        does="GetConfiguration answers numbers and booleans as values",
        reading="their text",
        sources=("mobilityhouse/ocpp#582", "mobilityhouse/ocpp#581"),
    ),
    Quirk(
        name="readonly as a number",
        makes=(),
        versions=("1.6",),
        does="GetConfiguration answers readonly 0 or 1",
        reading="false or true",
        sources=("evcc-io/evcc#26253",),
    ),
    Quirk(
        name="long setting",
        makes=("Wallbox Copper SB",),
        versions=("1.6",),
        does="a configuration value of more than 500 characters",
        reading="kept whole up to 10,000",
        sources=("lbbrhzn/ocpp#821", "lorenzodonini/ocpp-go#258"),
    ),
    Quirk(
        name="member without a value",
        makes=("AEFA Home",),
        versions=("1.6",),
        does='no JSON: "transactionId":, in MeterValues',
        reading="absent",
        sources=("lbbrhzn/ocpp#2032",),
    ),
    Quirk(
        name="control characters in a text",
        makes=("Wallbe Pro",),
        versions=("1.6",),
        does="no JSON: a NUL inside a text",
        reading="the text without it",
        sources=("evcc-io/evcc#3685",),
    ),
    Quirk(
        name="short CALLERROR",
        makes=("Grizzl-E Smart",),
        versions=("1.6",),
        does="[4, id, code, description] without details",
        reading="no details",
        sources=("lbbrhzn/ocpp#899",),
        done="accepted",
    ),
)
