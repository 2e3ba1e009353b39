"""A low-voltage feeder: what loads on single phases do to voltages, lines and the transformer.

`Feeder` describes the copper (buses, lines by their sequence impedances, transformer, source); `FeederModel`
solves the unbalanced power flow of many steps at once. The equations are those of power-grid-model (extra
`simulate`; loaded when a model is built): three phases, the neutral reduced into the zero sequence (Kron), so
phase-to-ground voltages are phase to neutral where the neutral is earthed along the way. `feeders` holds
published and parametric ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

if TYPE_CHECKING:
    from power_grid_model import PowerGridModel

Floats: TypeAlias = NDArray[np.float64]

LoadModel: TypeAlias = Literal["power", "impedance", "current"]
"""What a load keeps when its voltage moves. Chargers keep their current or power, heaters their impedance;
benchmark feeders are published with constant power."""

_METHODS: Final = ("iterative_current", "newton_raphson")
"""In this order: the first is two to three times faster on a batch, the second gets nearer to collapse."""


class Cable(Struct, frozen=True, kw_only=True):
    """Sequence impedances per kilometre, and the current that it carries for ever (infinite: not
    published)."""

    r1_ohm_km: float
    x1_ohm_km: float
    r0_ohm_km: float
    x0_ohm_km: float
    rated_a: float = math.inf

    def line(self, from_bus: int, to_bus: int, length_m: float) -> Line:
        """A piece of it between two buses."""
        km = length_m / 1000.0
        return Line(
            from_bus=from_bus,
            to_bus=to_bus,
            r1_ohm=self.r1_ohm_km * km,
            x1_ohm=self.x1_ohm_km * km,
            r0_ohm=self.r0_ohm_km * km,
            x0_ohm=self.x0_ohm_km * km,
            rated_a=self.rated_a,
        )


class Line(Struct, frozen=True, kw_only=True):
    """A line between two buses; shunt capacitance is neglected, as low-voltage benchmarks do."""

    from_bus: int
    to_bus: int
    r1_ohm: float
    x1_ohm: float
    r0_ohm: float
    x0_ohm: float
    rated_a: float = math.inf


class Source(Struct, frozen=True, kw_only=True):
    """The medium-voltage grid: a voltage behind an impedance. Its zero sequence doesn't pass a delta
    winding."""

    voltage_pu: float = 1.0
    short_circuit_va: float = 100e6
    rx_ratio: float = 0.1


class FeederTransformer(Struct, frozen=True, kw_only=True):
    """A Dyn transformer, its neutral earthed solidly. `short_circuit_pu` is the magnitude of its impedance
    (uk); the load losses give the resistance."""

    rated_va: float
    primary_v: float
    secondary_v: float
    short_circuit_pu: float
    load_loss_w: float
    no_load_loss_w: float = 0.0
    no_load_current_pu: float = 0.0
    clock: int = 11


class Consumer(Struct, frozen=True, kw_only=True):
    """Who takes power where: an index into the buses, a phase 0..2."""

    bus: int
    phase: int


class Feeder(Struct, frozen=True, kw_only=True):
    """A transformer and the network behind it. Bus 0 is the transformer's low-voltage busbar.

    `nominal_v` is line to line on the low-voltage side, the base of per-unit voltages.
    """

    name: str
    source: Source
    transformer: FeederTransformer
    buses: tuple[str, ...]
    lines: tuple[Line, ...]
    consumers: tuple[Consumer, ...] = ()
    nominal_v: float = 400.0
    frequency_hz: float = 50.0

    @property
    def phase_v(self) -> float:
        """Nominal phase-to-neutral voltage."""
        return self.nominal_v / math.sqrt(3.0)


class FeederInvalid(ValueError):
    """A description that no network has."""


class FeederCollapsed(RuntimeError):
    """No voltage satisfies the loads: more is asked than the feeder can carry."""

    def __init__(self, name: str, steps: Sequence[int]) -> None:
        listed = ", ".join(str(step) for step in steps[:5]) + (" ..." if len(steps) > 5 else "")
        super().__init__(
            f"feeder {name!r}: no solution at step {listed}: the loads are more than it can carry; "
            "lower them or shorten its lines"
        )
        self.steps = tuple(steps)


class PowerFlow(NamedTuple):
    """Results of [steps]. Magnitudes, RMS; lines and transformer are empty where they weren't asked for."""

    voltage_v: Floats
    """Phase to neutral, [steps, buses, 3]."""
    unbalance: Floats
    """Negative over positive sequence of the voltage, [steps, buses]."""
    line_a: Floats
    """The greater of a line's two ends, [steps, lines, 3]."""
    line_loading: Floats
    """Its most loaded phase over the rating, [steps, lines]; 0 without a rating."""
    neutral_a: Floats
    """What comes back from its phases through neutral and earth, [steps, lines]."""
    transformer_a: Floats
    """On the low-voltage side, [steps, 3]."""
    transformer_loading: Floats
    """Apparent power over the rating, [steps]."""
    loss_w: Floats
    """In lines and transformer, [steps]."""


_NEGATIVE: Final = np.exp(2j * math.pi / 3 * np.array([0, 2, 1])) / 3.0
"""From phase to negative-sequence voltage (Fortescue); conjugate, to positive sequence."""

_LOAD_TYPES: Final[dict[LoadModel, int]] = {"power": 0, "impedance": 1, "current": 2}


def check(feeder: Feeder) -> None:
    """Raise FeederInvalid unless every bus hangs on the busbar by exactly one path and all numbers make
    sense."""
    count = len(feeder.buses)
    if not count:
        raise FeederInvalid(f"feeder {feeder.name!r} has no bus: the first is the transformer's busbar")
    if len(feeder.lines) != count - 1:
        raise FeederInvalid(
            f"feeder {feeder.name!r} has {len(feeder.lines)} lines for {count} buses: a tree has {count - 1}"
        )
    for number, line in enumerate(feeder.lines):
        for bus in (line.from_bus, line.to_bus):
            if not 0 <= bus < count:
                raise FeederInvalid(f"line {number} names bus {bus}: buses are 0..{count - 1}")
        if not (line.r1_ohm >= 0.0 and line.r0_ohm >= 0.0 and line.r1_ohm + abs(line.x1_ohm) > 0.0):
            raise FeederInvalid(
                f"line {number} has r1 {line.r1_ohm!r} and r0 {line.r0_ohm!r} ohm: neither may be "
                "negative, nor all impedances 0"
            )
    if len(reached(feeder)) != count:
        missing = sorted(set(range(count)) - set(reached(feeder)))
        raise FeederInvalid(f"bus {feeder.buses[missing[0]]!r} isn't connected to the busbar: add its line")
    for number, consumer in enumerate(feeder.consumers):
        if not (0 <= consumer.bus < count and 0 <= consumer.phase < 3):
            raise FeederInvalid(
                f"consumer {number} is on bus {consumer.bus}, phase {consumer.phase}: "
                f"buses are 0..{count - 1}, phases 0..2"
            )


def reached(feeder: Feeder) -> list[int]:
    """Buses in the order in which a walk from the busbar meets them."""
    neighbours: dict[int, list[int]] = {}
    for line in feeder.lines:
        neighbours.setdefault(line.from_bus, []).append(line.to_bus)
        neighbours.setdefault(line.to_bus, []).append(line.from_bus)
    order, seen = [0], {0}
    for bus in order:
        for other in neighbours.get(bus, ()):
            if other not in seen:
                seen.add(other)
                order.append(other)
    return order


class FeederModel:
    """A feeder ready to be solved. Building it takes milliseconds; `solve` may be called as often as one
    likes."""

    def __init__(self, feeder: Feeder, load_buses: Sequence[int] | None = None) -> None:
        """`load_buses` are the buses at which loads are given, in the order of the arrays; all by default.

        Raises FeederInvalid, and ImportError without the extra `simulate`.
        """
        check(feeder)
        self.feeder = feeder
        self.load_buses: tuple[int, ...] = tuple(
            range(len(feeder.buses)) if load_buses is None else load_buses
        )
        for bus in self.load_buses:
            if not 0 <= bus < len(feeder.buses):
                raise FeederInvalid(f"load bus {bus}: buses are 0..{len(feeder.buses) - 1}")
        self._models: dict[LoadModel, PowerGridModel] = {}

    @property
    def _first_load(self) -> int:
        # Ids: 0 the primary, 1.. the buses, then lines, transformer, source, loads.
        return 1 + len(self.feeder.buses) + len(self.feeder.lines) + 2

    def _model(self, kind: LoadModel) -> PowerGridModel:
        if kind not in self._models:
            from power_grid_model import PowerGridModel  # only the batch world has the extra

            self._models[kind] = PowerGridModel(self._input(kind), system_frequency=self.feeder.frequency_hz)
        return self._models[kind]

    def _input(self, kind: LoadModel) -> dict[Any, Any]:
        from power_grid_model import ComponentType, DatasetType, initialize_array

        def table(component: ComponentType, size: int) -> Any:
            return initialize_array(DatasetType.input, component, size)

        feeder, transformer, source = self.feeder, self.feeder.transformer, self.feeder.source
        buses, lines = len(feeder.buses), len(feeder.lines)
        node = table(ComponentType.node, buses + 1)
        node["id"] = np.arange(buses + 1)
        node["u_rated"] = [transformer.primary_v] + [feeder.nominal_v] * buses
        line = table(ComponentType.line, lines)
        line["id"] = buses + 1 + np.arange(lines)
        line["from_node"] = [item.from_bus + 1 for item in feeder.lines]
        line["to_node"] = [item.to_bus + 1 for item in feeder.lines]
        line["from_status"] = line["to_status"] = 1
        for name in ("r1", "x1", "r0", "x0"):
            line[name] = [getattr(item, f"{name}_ohm") for item in feeder.lines]
        for name in ("c1", "tan1", "c0", "tan0"):
            line[name] = 0.0
        line["i_n"] = [min(item.rated_a, 1e9) for item in feeder.lines]
        winding = table(ComponentType.transformer, 1)
        for name, value in {
            "id": buses + 1 + lines, "from_node": 0, "to_node": 1, "from_status": 1, "to_status": 1,
            "u1": transformer.primary_v, "u2": transformer.secondary_v, "sn": transformer.rated_va,
            "uk": transformer.short_circuit_pu, "pk": transformer.load_loss_w,
            "i0": max(transformer.no_load_current_pu, transformer.no_load_loss_w / transformer.rated_va),
            "p0": transformer.no_load_loss_w, "winding_from": 2, "winding_to": 1, "clock": transformer.clock,
            "tap_side": 0, "tap_pos": 0, "tap_min": 0, "tap_max": 0, "tap_nom": 0, "tap_size": 0.0,
        }.items():  # fmt: skip
            winding[name] = value
        grid = table(ComponentType.source, 1)
        for name, value in {
            "id": buses + 2 + lines, "node": 0, "status": 1, "u_ref": source.voltage_pu,
            "sk": source.short_circuit_va, "rx_ratio": source.rx_ratio,
        }.items():  # fmt: skip
            grid[name] = value
        load = table(ComponentType.asym_load, len(self.load_buses))
        load["id"] = self._first_load + np.arange(len(self.load_buses))
        load["node"] = [bus + 1 for bus in self.load_buses]
        load["status"] = 1
        load["type"] = _LOAD_TYPES[kind]
        load["p_specified"] = load["q_specified"] = 0.0
        return {
            ComponentType.node: node,
            ComponentType.line: line,
            ComponentType.transformer: winding,
            ComponentType.source: grid,
            ComponentType.asym_load: load,
        }

    def solve(
        self,
        active_w: Floats,
        reactive_var: Floats | None = None,
        *,
        load_model: LoadModel = "power",
        branches: bool = True,
        chunk: int = 512,
    ) -> PowerFlow:
        """Power flow of many steps. Loads [steps, load buses, 3], what is consumed is positive.

        Reactive power is 0 by default. For `impedance` and `current` the power is that at nominal voltage.
        Without `branches` only the voltages are kept. `chunk` bounds the memory. Raises FeederCollapsed.
        """
        from power_grid_model import ComponentType, DatasetType, initialize_array

        active = np.asarray(active_w, dtype=np.float64)
        wanted = (len(self.load_buses), 3)
        if active.ndim != 3 or active.shape[1:] != wanted:
            raise ValueError(f"loads have shape {active.shape}: give [steps, {wanted[0]}, 3]")
        reactive = np.zeros_like(active) if reactive_var is None else np.asarray(reactive_var, np.float64)
        if reactive.shape != active.shape:
            raise ValueError(
                f"reactive loads have shape {reactive.shape}, active ones {active.shape}: give the same"
            )
        if not (np.isfinite(active).all() and np.isfinite(reactive).all()):
            raise ValueError("loads must be finite numbers")
        model = self._model(load_model)
        outputs: dict[Any, Any] = {ComponentType.node: ["u", "u_angle"]}
        if branches:
            outputs[ComponentType.line] = ["i_from", "i_to", "p_from", "p_to", "q_from"]
            outputs[ComponentType.transformer] = ["i_to", "p_from", "p_to", "loading"]
        parts: list[PowerFlow] = []
        for begin in range(0, len(active), chunk):
            some = slice(begin, min(begin + chunk, len(active)))
            update = initialize_array(
                DatasetType.update, ComponentType.asym_load, (some.stop - begin, len(self.load_buses))
            )
            update["id"] = self._first_load + np.arange(len(self.load_buses))
            update["p_specified"], update["q_specified"] = active[some], reactive[some]
            result = self._flow(model, update, outputs, begin)
            parts.append(self._collect(result, branches))
        return _joined(parts, len(self.feeder.buses), len(self.feeder.lines) if branches else 0)

    def _flow(
        self, model: PowerGridModel, update: Any, outputs: dict[Any, Any], begin: int
    ) -> dict[Any, Any]:
        from power_grid_model import ComponentType
        from power_grid_model.errors import PowerGridError

        failure: PowerGridError | None = None
        for method in _METHODS:
            try:
                result: dict[Any, Any] = model.calculate_power_flow(
                    symmetric=False,
                    update_data={ComponentType.asym_load: update},
                    calculation_method=method,
                    max_iterations=100,
                    output_component_types=outputs,
                )
                return result
            except PowerGridError as error:
                failure = error
        failed = getattr(failure, "failed_scenarios", None)
        steps = [begin] if failed is None else [begin + int(step) for step in failed]
        raise FeederCollapsed(self.feeder.name, steps) from failure

    def _collect(self, result: dict[Any, Any], branches: bool) -> PowerFlow:
        from power_grid_model import ComponentType

        node = result[ComponentType.node]
        volts = np.array(node["u"][:, 1:, :])
        phasors = volts * np.exp(1j * node["u_angle"][:, 1:, :])
        unbalance = np.abs(phasors @ _NEGATIVE) / np.abs(phasors @ _NEGATIVE.conj())
        if not branches:
            return _joined([], len(self.feeder.buses), 0)._replace(voltage_v=volts, unbalance=unbalance)
        line, winding = result[ComponentType.line], result[ComponentType.transformer]
        amperes = np.maximum(line["i_from"], line["i_to"])
        # A line takes in p + jq = u i*, so the conjugates of its currents are that over the voltage.
        ends = phasors[:, [item.from_bus for item in self.feeder.lines]]
        neutral = np.abs(((line["p_from"] + 1j * line["q_from"]) / ends).sum(axis=2))
        rated = np.array([item.rated_a for item in self.feeder.lines])
        losses = sum((table["p_from"] + table["p_to"]).sum(axis=(1, 2)) for table in (line, winding))
        return PowerFlow(
            volts,
            unbalance,
            amperes,
            amperes.max(axis=2) / rated,
            neutral,
            winding["i_to"][:, 0, :].copy(),
            winding["loading"][:, 0].copy(),
            losses,
        )


def _joined(parts: list[PowerFlow], buses: int, lines: int) -> PowerFlow:
    if not parts:
        zero = np.zeros
        return PowerFlow(
            zero((0, buses, 3)),
            zero((0, buses)),
            zero((0, lines, 3)),
            zero((0, lines)),
            zero((0, lines)),
            zero((0, 3)),
            zero(0),
            zero(0),
        )
    return PowerFlow(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def consumer_loads(feeder: Feeder, power_w: Floats, power_factor: float = 1.0) -> tuple[Floats, Floats]:
    """Active and reactive loads [steps, buses, 3] of single-phase consumers' powers [steps, consumers].

    The power factor is lagging (reactive power is taken).
    """
    power = np.asarray(power_w, dtype=np.float64)
    if power.ndim != 2 or power.shape[1] != len(feeder.consumers):
        raise ValueError(f"powers have shape {power.shape}: give [steps, {len(feeder.consumers)}]")
    if not 0.0 < power_factor <= 1.0:
        raise ValueError(f"power factor {power_factor!r} must lie in (0, 1]")
    active = np.zeros((len(power), len(feeder.buses), 3))
    for column, consumer in zip(power.T, feeder.consumers, strict=True):
        active[:, consumer.bus, consumer.phase] += column
    return active, active * math.tan(math.acos(power_factor))
