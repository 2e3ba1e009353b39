"""What a scenario file says: version 1 of the format, as types.

docs/scenarios.md is made from these types: a field's meaning and unit stand beside it and nowhere else.
Powers are in kW, energies in kWh and money in the scenario's currency, because people write these files; the
arrays that are made of them are in W and Wh. Amperes are RMS per conductor.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

VERSION: Final = 1

Text: TypeAlias = Annotated[str, Meta(min_length=1)]
Share: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Amount: TypeAlias = Annotated[float, Meta(ge=0.0)]
Positive: TypeAlias = Annotated[float, Meta(gt=0.0)]
Count: TypeAlias = Annotated[int, Meta(ge=1)]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a scenario file: every key is known, or the file is wrong."""


class RunSpec(Section, frozen=True, kw_only=True):
    """When it happens and in how fine steps."""

    starts: Annotated[date, Meta(description="first local day, as 2026-03-02")]
    days: Annotated[Positive, Meta(description="how long; `--days` overrides it")] = 1.0
    start_hour: Annotated[float, Meta(ge=0.0, lt=24.0, description="local hour of the first second")] = 0.0
    step_s: Annotated[float, Meta(gt=0.0, le=3600.0, description="a setpoint holds for so long")] = 60.0
    time_zone: Annotated[Text, Meta(description="IANA name")] = "Europe/Amsterdam"
    seed: Annotated[int, Meta(ge=0, description="the first seed; `--seeds N` runs N from here on")] = 1


class SupplySpec(Section, frozen=True, kw_only=True):
    """The conductors that feed the site."""

    kind: Annotated[
        Literal["wye", "split", "delta"],
        Meta(
            description="`wye`: EVSEs between conductor and neutral (230/400 V); `split`: between two hot "
            "legs (120/240 V); `delta`: one-phase EVSEs between two of three conductors (208 V)"
        ),
    ] = "wye"
    voltage_v: Annotated[
        float | None,
        Meta(description="across a one-phase EVSE; by default 230 on wye, 240 on split, 208 on delta"),
    ] = None
    repair_min: Annotated[
        Positive, Meta(description="a breaker that opened is closed again after so many minutes")
    ] = 60.0
    plug_s: Annotated[Amount, Meta(description="from the plug to the first current")] = 10.0


class CircuitSpec(Section, frozen=True, kw_only=True):
    """A node of the tree of circuits; exactly one has no parent: the grid connection."""

    id: Annotated[Text, Meta(description="name that EVSEs and other circuits use")]
    rating_a: Annotated[Positive, Meta(description="amperes a conductor")]
    parent: Annotated[str | None, Meta(description="id of the circuit that feeds it")] = None
    rotation: Annotated[
        tuple[int, int, int],
        Meta(description="the parent's conductor (0, 1, 2) that each conductor is wired to"),
    ] = (0, 1, 2)
    margin_a: Annotated[Amount, Meta(description="kept free below the rating")] = 0.0
    breaker: Annotated[
        Literal["B", "C", "D", "MCCB", "gG"] | None, Meta(description="its protection (docs/simulation.md)")
    ] = None
    breaker_a: Annotated[
        Positive | None, Meta(description="rating of the protection; by default the circuit's")
    ] = None
    neutral_a: Annotated[Positive | None, Meta(description="limit of the neutral; by default none")] = None


class TransformerSpec(Section, frozen=True, kw_only=True):
    """The site's own transformer above the grid connection, limited on its primary side: delta-wye, on a
    split-phase supply one phase with a centre tap. Its hot spot and ageing are among the figures."""

    kva: Annotated[Positive, Meta(description="rated power")]
    primary_v: Annotated[
        Positive, Meta(description="between conductors on the primary side; 7200 is usual on split phase")
    ] = 480.0


class LimitSpec(Section, frozen=True, kw_only=True):
    """A lower limit of a circuit for some hours of each day: a grid operator's, a contract's."""

    circuit: Annotated[Text, Meta(description="id")]
    limit_a: Annotated[Amount, Meta(description="amperes a conductor in these hours")]
    from_hour: Annotated[float, Meta(ge=0.0, le=24.0, description="local hour")] = 0.0
    to_hour: Annotated[float, Meta(ge=0.0, le=24.0, description="local hour; may lie past midnight")] = 24.0
    working_days: Annotated[bool, Meta(description="on Monday to Friday only")] = False


class BuildingSpec(Section, frozen=True, kw_only=True):
    """A load beside the cars: of the office kind (docs/simulation.md), or by the hour."""

    circuit: Annotated[Text, Meta(description="id of the circuit that it hangs on")]
    scale: Annotated[
        Amount, Meta(description="times the office of 25 to 85 A a conductor on a working day")
    ] = 1.0
    kw_by_hour: Annotated[
        tuple[float, ...] | None,
        Meta(description="24 values instead, in kW of all conductors together (times `scale`)"),
    ] = None


class CabinetSpec(Section, frozen=True, kw_only=True):
    """A power cabinet whose modules several DC EVSEs share."""

    id: Annotated[Text, Meta(description="name that EVSE groups use")]
    modules: Annotated[Count, Meta(description="how many")]
    module_kw: Annotated[Positive, Meta(description="each")]


class EvseSpec(Section, frozen=True, kw_only=True):
    """A group of equal EVSEs."""

    id: Annotated[Text, Meta(description="name of the group; its EVSEs are ID-1, ID-2 ..")]
    count: Annotated[Count, Meta(description="how many")]
    circuit: Annotated[Text, Meta(description="id of the circuit that feeds them")]
    phases: Annotated[Literal[1, 3], Meta(description="of each; DC has 3")] = 3
    rotate: Annotated[
        bool, Meta(description="wire each to the next conductor in turn, as good installers do")
    ] = True
    first: Annotated[Literal[1, 2, 3], Meta(description="conductor that the first one's L1 is wired to")] = 1
    max_a: Annotated[
        Positive | None, Meta(description="amperes a conductor; 32, on DC what its power needs")
    ] = None
    min_a: Annotated[Amount, Meta(description="least current but nothing; 6, on DC 0")] = 6.0
    step_a: Annotated[Amount, Meta(description="currents are multiples of it; 0: any")] = 0.1
    dc_kw: Annotated[
        Annotated[float, Meta(gt=0.0, le=3750.0)] | None,
        Meta(description="rating on the car's side, megawatts included; none: AC"),
    ] = None
    efficiency: Annotated[
        Annotated[float, Meta(gt=0.0, le=1.0)] | None,
        Meta(
            description="from the supply to the car's side, at any load; by default a usual station's losses"
        ),
    ] = None
    standby_w: Annotated[
        Amount | None, Meta(description="what each draws always, in W; by default a usual station's")
    ] = None
    safe_a: Annotated[Amount, Meta(description="what each gives when nobody speaks to it")] = 0.0
    cabinet: Annotated[str | None, Meta(description="id of the cabinet that feeds it, on DC")] = None
    pool: Annotated[str | None, Meta(description="name of the queue whose cars take any free EVSE of it")] = (
        None
    )
    priority: Annotated[int, Meta(description="higher goes first")] = 0
    weight: Annotated[Positive, Meta(description="share among equals")] = 1.0
    derates: Annotated[bool, Meta(description="gives less on a hot day")] = False


class ArchetypeArrivals(Section, frozen=True, kw_only=True, tag_field="kind", tag="archetype"):
    """Cars drawn by a kind of site (docs/simulation.md); at EVSEs of a pool they queue."""

    archetype: Annotated[
        Literal["workplace", "home", "public", "dc_hub", "depot"], Meta(description="the kind")
    ]
    evses: Annotated[
        tuple[str, ...], Meta(description="groups (or one pool) that they come to; none: all")
    ] = ()
    sessions_per_evse: Annotated[
        Amount | None, Meta(description="a working day; by default the kind's own figure")
    ] = None


class ModelArrivals(Section, frozen=True, kw_only=True, tag_field="kind", tag="model"):
    """Cars drawn by a model that `ampacity fit` wrote."""

    file: Annotated[Text, Meta(description="path, from the scenario's folder")]
    evses: Annotated[tuple[str, ...], Meta(description="groups that they come to; none: all")] = ()
    sessions_per_evse: Annotated[Amount | None, Meta(description="a day; by default the model's")] = None


class SessionArrivals(Section, frozen=True, kw_only=True, tag_field="kind", tag="sessions"):
    """Real sessions replayed from a file (docs/simulation.md); its days are moved to the run's."""

    file: Annotated[Text, Meta(description="path, from the scenario's folder")]
    evses: Annotated[
        tuple[str, ...], Meta(description="groups whose EVSEs stand for the file's stations in turn")
    ] = ()
    from_day: Annotated[
        date | None, Meta(description="first day of the file that is used; by default the run's first day")
    ] = None


class FleetArrivals(Section, frozen=True, kw_only=True, tag_field="kind", tag="fleet"):
    """Vehicles of a depot (docs/simulation-models.md): each has its EVSE, is one battery from day to day, and
    must leave with enough for its next trip."""

    evses: Annotated[tuple[str, ...], Meta(description="groups; a vehicle has its EVSE")] = ()
    vehicle: Annotated[
        Literal["van", "bus", "truck", "car", "taxi"], Meta(description="battery, charger and consumption")
    ] = "van"
    count: Annotated[Count | None, Meta(description="how many; by default one an EVSE, never more")] = None
    back_hour: Annotated[float, Meta(ge=0.0, lt=24.0, description="mean local hour of the return")] = 18.0
    leave_hour: Annotated[float, Meta(ge=0.0, lt=24.0, description="mean local hour of the departure")] = 7.0
    spread_min: Annotated[Amount, Meta(description="standard deviation of both, in minutes")] = 20.0
    trip_km: Annotated[Positive, Meta(description="median way of a day")] = 100.0
    trip_spread: Annotated[Share, Meta(description="standard deviation of its logarithm")] = 0.25
    days_off: Annotated[bool, Meta(description="nobody drives on Saturday and Sunday")] = True
    reserve: Annotated[Share, Meta(description="of the battery that is left at the end of a trip")] = 0.1


class HubArrivals(Section, frozen=True, kw_only=True, tag_field="kind", tag="hub"):
    """Trucks that break their journey: each comes once to a pool and needs its next leg."""

    evses: Annotated[tuple[str, ...], Meta(min_length=1, description="the pool")]
    trucks: Annotated[Positive, Meta(description="a day; a tenth on Sundays")] = 40.0
    break_min: Annotated[Positive, Meta(description="how long a break lasts")] = 45.0
    night_share: Annotated[Share, Meta(description="of the trucks that stay over night")] = 0.1
    leg_h: Annotated[Positive, Meta(description="the drive that follows")] = 4.5


Arrivals: TypeAlias = ArchetypeArrivals | ModelArrivals | SessionArrivals | FleetArrivals | HubArrivals


class QueueSpec(Section, frozen=True, kw_only=True):
    """How drivers behave who find every EVSE of their pool taken."""

    balk_at: Annotated[Count, Meta(description="drives on when so many already wait")] = 5
    patience_min: Annotated[Positive, Meta(description="mean of the time after which one gives up")] = 20.0
    reserved_share: Annotated[Share, Meta(description="of the drivers that reserved an EVSE")] = 0.0
    reserve_min: Annotated[Positive, Meta(description="how long before and after it is kept")] = 15.0


class CarsSpec(Section, frozen=True, kw_only=True):
    """What the cars can do beyond what the fleet says (docs/simulation.md)."""

    bidirectional_share: Annotated[Share, Meta(description="of the cars that can give back")] = 0.0
    discharge_kw: Annotated[Amount, Meta(description="most that such a car gives back")] = 7.4
    soc_floor: Annotated[Share, Meta(description="state of charge below which it gives nothing")] = 0.3
    declared_share: Annotated[
        Share, Meta(description="of the drivers that tell departure and energy, where nobody was asked")
    ] = 1.0
    declared_error_h: Annotated[
        Amount, Meta(description="standard deviation of the departure that they tell, in hours")
    ] = 0.5


class SunSpec(Section, frozen=True, kw_only=True):
    """Solar panels, under the sky of the weather's place."""

    kwp: Annotated[Positive, Meta(description="rated power")]
    circuit: Annotated[Text, Meta(description="id of the circuit that they feed")]
    tilt_deg: Annotated[float, Meta(ge=0.0, le=90.0, description="0 lies flat")] = 30.0
    azimuth_deg: Annotated[float, Meta(ge=0.0, lt=360.0, description="180 looks south")] = 180.0
    inverter_kw: Annotated[Positive | None, Meta(description="most that comes out; by default `kwp`")] = None
    file: Annotated[
        str | None, Meta(description="kW per kWp over time instead (docs/simulation-models.md)")
    ] = None


class StorageSpec(Section, frozen=True, kw_only=True):
    """A stationary battery; powers at its meter."""

    circuit: Annotated[Text, Meta(description="id of the circuit that it hangs on")]
    kwh: Annotated[Positive, Meta(description="between empty and full")]
    kw: Annotated[Positive, Meta(description="most that it takes and gives")]
    round_trip: Annotated[
        Annotated[float, Meta(gt=0.0, le=1.0)], Meta(description="efficiency from meter to meter")
    ] = 0.85
    soc: Annotated[Share, Meta(description="state of charge at first")] = 0.5
    soc_min: Annotated[Share, Meta(description="never below")] = 0.05
    soc_max: Annotated[Share, Meta(description="never above")] = 0.95
    standby_w: Annotated[
        Amount | None, Meta(description="what it draws always, in W; by default 0.1 % of its power")
    ] = None


class TariffBand(Section, frozen=True, kw_only=True):
    """A price for some hours; the first band that fits counts."""

    price: Annotated[float, Meta(description="a kWh")]
    from_hour: Annotated[float, Meta(ge=0.0, le=24.0, description="local hour")] = 0.0
    to_hour: Annotated[float, Meta(ge=0.0, le=24.0, description="local hour; may lie past midnight")] = 24.0
    working_days: Annotated[bool, Meta(description="on Monday to Friday only")] = False
    months: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=12)], ...], Meta(description="1 to 12; none: all")
    ] = ()


class PricesSpec(Section, frozen=True, kw_only=True):
    """What energy costs and what it is worth: `flat`, or one of `bands`, `tariff`, `day_ahead` and `file`."""

    currency: Annotated[Text, Meta(description="three letters")] = "EUR"
    flat: Annotated[float, Meta(description="a kWh")] = 0.25
    bands: Annotated[
        tuple[TariffBand, ...], Meta(description="a time-of-use tariff; beside them `flat` holds")
    ] = ()
    tariff: Annotated[
        str | None,
        Meta(description="a published tariff with its demand charge (docs/simulation-models.md)"),
    ] = None
    day_ahead: Annotated[
        bool, Meta(description="hourly prices drawn by a fitted model (docs/simulation-models.md)")
    ] = False
    file: Annotated[
        str | None, Meta(description="a file with wholesale prices over time (docs/simulation-models.md)")
    ] = None
    fee: Annotated[float, Meta(description="on top of `day_ahead` and `file`, a kWh")] = 0.07
    sell: Annotated[
        float | None,
        Meta(description="for a kWh given to the grid; by default the wholesale price, or nothing"),
    ] = None
    demand: Annotated[Amount, Meta(description="for a kW of the month's highest mean")] = 0.0
    demand_window_min: Annotated[Positive, Meta(description="of that mean")] = 15.0
    unmet: Annotated[Amount, Meta(description="for a kWh that a driver asked for and didn't get")] = 1.0
    co2_g_per_kwh: Annotated[
        Amount | None, Meta(description="of the grid, always; by default drawn by a fitted model")
    ] = None
    co2_file: Annotated[
        str | None, Meta(description="a file with it over time (docs/simulation-models.md)")
    ] = None


class WeatherSpec(Section, frozen=True, kw_only=True):
    """The air outside (docs/simulation-models.md): it cools batteries and heats stations."""

    place: Annotated[Literal["De Bilt", "Pasadena", "Oslo", "Madrid"], Meta(description="whose climate")] = (
        "De Bilt"
    )
    warmer_k: Annotated[float, Meta(ge=-40.0, le=40.0, description="than usual there, in kelvin")] = 0.0


class FaultsSpec(Section, frozen=True, kw_only=True):
    """EVSEs that break and are mended (docs/simulation-models.md)."""

    between_h: Annotated[Positive, Meta(description="mean of the hours in order, each EVSE")]
    repair_h: Annotated[Positive, Meta(description="mean of the hours out of order")] = 36.0


class FeederSpec(Section, frozen=True, kw_only=True):
    """The street that the site hangs on, at its end; its voltages are worked out after the run
    (docs/electrical.md)."""

    network: Annotated[
        Literal["street", "ieee-european", "cigre-residential"],
        Meta(
            description="`street`: one cable, as the next three keys say; or a published network with "
            "its own transformer, lengths and houses"
        ),
    ] = "street"
    transformer_kva: Annotated[
        float, Meta(ge=25.0, le=1250.0, description="of the station that feeds it")
    ] = 160.0
    length_m: Annotated[Positive, Meta(description="from the transformer to the site")] = 400.0
    neighbours: Annotated[int, Meta(ge=0, description="houses along it")] = 10
    neighbour_kw: Annotated[Amount, Meta(description="mean of each")] = 0.5


class StrategiesSpec(Section, frozen=True, kw_only=True):
    """Which strategies are compared."""

    names: Annotated[
        tuple[str, ...], Meta(min_length=1, description="in this order; `--strategies` overrides them")
    ] = ("uncontrolled", "static", "least-laxity", "dynamic")
    baseline: Annotated[
        str | None, Meta(description="against which differences are given; by default the first")
    ] = None
    settings: Annotated[
        dict[str, dict[str, float | str]],
        Meta(
            description="by name: settings of a strategy (docs/strategies.md). A name of your own with "
            "`strategy = NAME` is a variant of that one"
        ),
    ] = {}


class Scenario(Section, frozen=True, kw_only=True):
    """A whole scenario file."""

    version: Annotated[Literal[1], Meta(description="of this format")]
    name: Annotated[Text, Meta(description="for people")]
    shows: Annotated[Text, Meta(description="what one sees in it")]
    run: RunSpec
    circuit: Annotated[tuple[CircuitSpec, ...], Meta(min_length=1)]
    evse: Annotated[tuple[EvseSpec, ...], Meta(min_length=1)]
    arrivals: Annotated[tuple[Arrivals, ...], Meta(min_length=1)]
    supply: SupplySpec = SupplySpec()
    transformer: TransformerSpec | None = None
    limit: tuple[LimitSpec, ...] = ()
    building: tuple[BuildingSpec, ...] = ()
    cabinet: tuple[CabinetSpec, ...] = ()
    queue: QueueSpec = QueueSpec()
    cars: CarsSpec = CarsSpec()
    sun: SunSpec | None = None
    storage: StorageSpec | None = None
    prices: PricesSpec = PricesSpec()
    weather: WeatherSpec = WeatherSpec()
    faults: FaultsSpec | None = None
    feeder: FeederSpec | None = None
    strategies: StrategiesSpec = StrategiesSpec()
