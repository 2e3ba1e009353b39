"""A peer of the simulation benchmark: EV2Gym on a workplace of 50 chargers, charging as fast as possible.

Run by its environment's own interpreter. Each line of standard input is a task as JSON: `{"seed": 1}` or,
first, `{"chargers": 50}`; each answer is one line: CPU seconds of the reset and of the episode's steps with
the heuristic's decisions, each car with its parameters and what it got, the site's power in each step.

The configuration is the package's own workplace (`V2GProfitMax.yaml`: 112 steps of 15 minutes, 400 V, 32 A
three-phase) with 50 stations, the package's cars and its default tail of a charging curve
(`transition_soc_multiplier` 1). Nothing is drawn, rendered or saved.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ev2gym
import yaml
from ev2gym.baselines.heuristics import ChargeAsFastAsPossible
from ev2gym.models.ev2gym_env import EV2Gym
from ev2gym.rl_agent.reward import profit_maximization
from ev2gym.rl_agent.state import V2G_profit_max


def configuration(folder: Path, chargers: int) -> Path:
    """The package's workplace with so many chargers, as a file in `folder`."""
    home = Path(ev2gym.__file__).parent
    settings = yaml.safe_load((home / "example_config_files/V2GProfitMax.yaml").read_text())
    settings["number_of_charging_stations"] = chargers
    settings["ev_specs_file"] = str(home / "data/ev_specs_v2g_enabled2024.json")
    settings["ev"]["transition_soc_multiplier"] = 1
    file = folder / "workplace.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def episode(world: EV2Gym, seed: int) -> dict[str, Any]:
    """One day from its reset to its last step."""
    began = time.process_time()
    world.done = False  # its own reset forgets this
    world.reset(seed=seed)
    ready = time.process_time()
    heuristic = ChargeAsFastAsPossible()
    steps, done = 0, False
    while not done:
        _, _, done, _, told = world.step(heuristic.get_action(world))
        steps += 1
    ended = time.process_time()
    charger = world.charging_stations[0]
    return {
        "reset_s": ready - began,
        "steps_s": ended - ready,
        "steps": steps,
        "step_min": world.timescale,
        "chargers": len(world.charging_stations),
        "volt_line_to_line": charger.voltage,
        "max_a": charger.max_charge_current,
        "energy_kwh": float(told["total_energy_charged"]),
        "power_kw": [float(power) for power in world.current_power_usage],
        "cars": [car(each, charger.max_charge_current) for each in world.EVs],
    }


def car(each: Any, amps: float) -> dict[str, float]:
    """A car as it came, and the energy into its battery."""
    table = each.charge_efficiency
    return {
        "charger": int(each.location),
        "arrival": int(each.time_of_arrival),
        "departure": int(each.time_of_departure),
        "capacity_kwh": float(each.battery_capacity),
        "arrival_kwh": float(each.battery_capacity_at_arrival),
        "max_kw": float(each.max_ac_charge_power),
        "efficiency": float(table[round(amps)]) / 100 if isinstance(table, dict) else float(table),
        "taper_from": float(each.transition_soc),
        "tail": float(each.transition_soc_multiplier),
        "energy_kwh": float(each.total_energy_exchanged),
        "left_kwh": float(each.current_capacity),
    }


def main() -> None:
    """Build the world once, then answer day by day until the input ends."""
    with tempfile.TemporaryDirectory(prefix="ev2gym-") as name:
        file = configuration(Path(name), json.loads(sys.stdin.readline())["chargers"])
        world = EV2Gym(
            config_file=str(file),
            state_function=V2G_profit_max,
            reward_function=profit_maximization,
            lightweight_plots=True,
            seed=0,
        )
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            print(json.dumps(episode(world, json.loads(line)["seed"])), flush=True)


if __name__ == "__main__":
    main()
