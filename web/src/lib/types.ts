// Made by tools/api_types.py from the server's structs. Don't edit: change the struct and run the tool.
// Power in W, current in A, energy in Wh, durations in seconds.

/** ISO 8601 with a zone. */
export type Instant = string;

export type PerPhase = [number, number, number];

export type Rotation = [number, number, number];

export type Strategy = "uncontrolled" | "static" | "dynamic";

export type ConnectorStatus = "Available" | "Occupied" | "Preparing" | "Charging" | "SuspendedEV" | "SuspendedEVSE" | "Finishing" | "Reserved" | "Unavailable" | "Faulted";

export type ChargingState = "EVConnected" | "Charging" | "SuspendedEV" | "SuspendedEVSE" | "Idle";

export type ReasonCode = "circuit" | "watts" | "neutral" | "unbalance" | "cabinet" | "evse_max" | "car" | "ramp" | "deadband" | "minimum" | "paused" | "offline" | "unproven" | "stale" | "dead" | "in_flight" | "external" | "strategy" | "overload" | "battery" | "no_session" | "safe_mode" | "emergency_stop" | "thermal" | "demand" | "signal" | "goal" | "price" | "switching";

export type StepName = "tree" | "load" | "offline_sum" | "phases" | "probes" | "cable_pull";

export type HappeningKind = "cut" | "raise" | "refused" | "unanswered" | "online" | "offline" | "session" | "ended" | "paused" | "resumed" | "meter" | "limit" | "overload" | "calm" | "strategy" | "mode" | "started" | "gap";

export type Role = "owner" | "operator" | "viewer";

export type Permission = "read" | "operate" | "protect" | "release" | "audit" | "administer";

/** Why an EVSE does not get more. `circuit_id`, `phase` (1..3) and `source` are set where they apply. */
export interface Reason {
  code: ReasonCode;
  circuit_id?: string | null;
  phase?: number | null;
  source?: string | null;
  detail?: string | null;
}

/**
 * A car at an EVSE. `need_wh` and `departure` are the driver's word; `ready_at` is our estimate.
 * `goals` are what it was asked to end at or to wait for (None: nothing), `goal_reached` which of these it
 * came to.
 */
export interface SessionView {
  transaction_id: string;
  token: string | null;
  started_at: Instant;
  energy_wh: number;
  state: "charging" | "connected" | "full" | "paused" | "waiting";
  need_wh: number | null;
  departure: Instant | null;
  ready_at: Instant | null;
  soc_percent: number | null;
  boosted: boolean;
  paused: boolean;
  goals: Goals | null;
  goal_reached: "budget" | "energy" | "soc" | "time" | null;
}

/**
 * One EVSE now. `grant_a` is the limit in force, `reserve_a` what the law keeps free for it beyond its
 * measured draw. `alarms` are what a person should look at, in words. `writes_last_hour` counts all profiles
 * sent to it, renewals apart; `write_budget` is how many its firmware stands (None: as many as needed).
 * `time_to_safe_s` is how long it may draw what it was last told when we fall silent (None: for ever, or not
 * known). While its meter is stale or dead `measured_a` is what it told last.
 */
export interface EvseView {
  station_id: string;
  evse_id: number;
  label: string;
  circuit_id: string;
  phases: number[];
  max_a: number;
  dc: boolean;
  status: ConnectorStatus;
  online: boolean;
  version: string | null;
  vendor: string | null;
  grant_a: number | null;
  grant_w: number | null;
  measured_a: PerPhase;
  power_w: number;
  reserve_a: number;
  session: SessionView | null;
  reasons: Reason[];
  trust: "awaiting_reset" | "clearing" | "doubted" | "quarantined" | "resetting" | "trusted";
  alarms: string[];
  writes_last_hour: number;
  renewals_last_hour: number;
  write_budget: number | null;
  time_to_safe_s: number | null;
  meter_state: "dead" | "fresh" | "none" | "stale";
}

/**
 * What else is limited in a circuit, besides its three phases: power, apparent power, the neutral, the
 * unbalance of the phase that leads, or a conductor with loads between lines.
 *
 * Quantities are in `unit`. `phase` is the conductor (0..2), None where it is all of them. `base`, `reserve`
 * and `granted` (to the EVSEs that are steered) are as the law reckons with them.
 */
export interface RowView {
  kind: "line" | "neutral" | "unbalance" | "va" | "watts";
  phase: number | null;
  unit: "A" | "VA" | "W";
  limit: number;
  limit_source: string;
  margin: number;
  base: number;
  reserve: number;
  granted: number;
}

/**
 * One circuit now. `limit_a` is the effective limit, `limit_source` whose it is. `meter_fault` is why the
 * meter's last word can't be used, with `meter_text` in words; None while readings come. `rows` is what else
 * is limited there.
 */
export interface CircuitView {
  circuit_id: string;
  name: string;
  parent_id: string | null;
  rating_a: number;
  limit_a: number;
  limit_source: string;
  meter_state: "dead" | "fresh" | "none" | "stale";
  metered_a: PerPhase | null;
  base_a: PerPhase;
  ev_a: PerPhase;
  reserve_a: PerPhase;
  margin_a: number;
  meter_fault: "duplicate" | "frozen" | "future" | "garbled" | "implausible" | "inconsistent" | "missing" | "no_answer" | "no_connection" | "not_a_number" | "offline" | "older" | "refused" | "retained" | "unsigned" | null;
  meter_text: string | null;
  rows: RowView[];
}

/**
 * A battery, inverter or heat load now. Powers are positive where it draws. `command_w` is what we told
 * it last, `stated_w` what it says that it follows. `alarms` are what a person should look at, in words.
 */
export interface DeviceView {
  device_id: string;
  name: string;
  kind: "battery" | "heat" | "inverter";
  circuit_id: string;
  online: boolean;
  commanded: boolean;
  steered: boolean;
  power_w: number | null;
  soc_percent: number | null;
  command_w: number | null;
  stated_w: number | null;
  generation_w: number | null;
  state: string;
  alarms: string[];
}

/** A whole site now. Where `mode` is not normal: why, who ordered it, and since when. */
export interface SiteView {
  site_id: string;
  name: string;
  at: Instant;
  speed: number;
  demo: boolean;
  strategy: Strategy;
  voltage_v: number;
  overloaded: boolean;
  base_power_w: number;
  ev_power_w: number;
  limit_power_w: number;
  circuits: CircuitView[];
  evses: EvseView[];
  mode: "normal" | "safe" | "stopped";
  mode_reason: string | null;
  mode_by: string | null;
  mode_since: Instant | null;
}

/** First message of the live feed, and the answer to a gap. */
export interface LiveSnapshot {
  type: "snapshot";
  seq: number;
  site: SiteView;
}

/**
 * What changed since `seq - 1`: whole views of the circuits and EVSEs that differ, and the site's own
 * figures.
 */
export interface LiveDelta {
  type: "delta";
  seq: number;
  at: Instant;
  strategy: Strategy;
  overloaded: boolean;
  base_power_w: number;
  ev_power_w: number;
  limit_power_w: number;
  circuits: CircuitView[];
  evses: EvseView[];
  mode: "normal" | "safe" | "stopped";
  mode_reason: string | null;
  mode_by: string | null;
  mode_since: Instant | null;
}

/**
 * A remark on a site's form: `warning` will not pass its assessment, `hint` deserves a look. `figures`
 * are what the text is made of.
 */
export interface SitePoint {
  kind: "back_to_start" | "base_too_large" | "evse_too_large" | "larger_than_parent" | "no_base" | "no_evses" | "offline_sum";
  text: string;
  weight: "hint" | "warning";
  circuit_id: string | null;
  station_id: string | null;
  evse_id: number | null;
  figures: Record<string, string | number>;
}

/** What a circuit carries at most when nobody controls: all safe currents below it and its worst base. */
export interface UnattendedSum {
  circuit_id: string;
  safe_a: PerPhase;
  base_a: PerPhase;
  limit_a: number;
}

/** One EVSE's power over the instants of a SiteHistory; None where nothing was recorded. */
export interface EvseHistory {
  station_id: string;
  evse_id: number;
  label: string;
  power_w: (number | null)[];
}

/**
 * A site's power as it was: column by column, `at` in epoch seconds (rising), all columns equally long.
 *
 * Base load, the EVSEs' powers stacked upon it and the limit above them are what the console draws.
 */
export interface SiteHistory {
  site_id: string;
  step_s: number;
  at: number[];
  base_power_w: (number | null)[];
  limit_power_w: (number | null)[];
  evses: EvseHistory[];
}

/**
 * How a site shares among its cars, and who may go before others.
 *
 * `boosts_at_once`: so many sessions may be boosted at the same time, `boosts_per_day`: so many sessions of
 * one token a day in the site's time zone (None: as many as are asked for; 0: none). `boost_tokens`: only
 * sessions of these tokens may be boosted (empty: all).
 */
export interface SharingRules {
  fairness: "classes" | "deadline" | "equal" | "first_come" | "need" | "weights";
  keep_alive: "always" | "learnt" | "off";
  boosts_at_once: number | null;
  boosts_per_day: number | null;
  boost_tokens: string[];
}

/**
 * Somebody's limit on a circuit: the effective limit is the minimum over the valid sources.
 *
 * `limit_a` is per phase, `limit_w` the active power of all phases together; either or both. `valid_until`
 * is epoch seconds (None: until withdrawn). When it has passed, `fallback_a` and `fallback_w` hold instead;
 * without one the source is gone. While one of `pieces` holds, its limits do and
 * not `limit_a` and `limit_w`.
 */
export interface LimitSource {
  limit_a: number;
  source: string;
  valid_until: number | null;
  fallback_a: number | null;
  limit_w: number | null;
  fallback_w: number | null;
  pieces: LimitPiece[];
}

/**
 * Where one quantity is in what a meter tells over MQTT or HTTP.
 *
 * `path` leads to it in a JSON document (`emeters[0].current`); empty: the whole message is the number.
 * `topic` is the MQTT topic where it is not the meter's. `unit` is what it is told in (A, mA, W, kW, V, mV,
 * Wh, kWh, MWh; of a time s, ms or iso); empty: the quantity's own. `scale` multiplies besides.
 */
export interface MeterValue {
  name: "current_l1" | "current_l2" | "current_l3" | "energy_export" | "energy_import" | "power" | "power_export" | "power_export_l1" | "power_export_l2" | "power_export_l3" | "power_l1" | "power_l2" | "power_l3" | "time" | "voltage_l1" | "voltage_l2" | "voltage_l3";
  path: string;
  topic: string;
  unit: string;
  scale: number;
}

/**
 * The meter of a circuit: where it is read and what it sees (docs/meters.md).
 *
 * `address` depends on `protocol`: `modbus-tcp` host:port/unit, `mqtt` mqtt(s)://host:port, `http` the URL,
 * `p1` host:port, `ocpp` station/evse (0: the station's main meter), `push` none (readings come through the
 * API). `interval_s` is T of the staleness rules.
 *
 * `measures`: whether the cars of this circuit flow through it. `phases` are the circuit's phases that its
 * L1.. are clamped on; fewer than three where the circuit has no others. `meter_time`: whether its own clock
 * tells when a reading was taken; else its arrival does.
 *
 * `map` names the registers of `modbus-tcp`: `sunspec`, or a register map; empty: three float32 from
 * the address's register on. `values`, `topic` and `status_topic` belong to `mqtt` and `http`;
 * `offline_text` is what `status_topic` says when the meter is gone (its last will).
 *
 * `auth` is how `http` proves itself: `basic`, `digest` or `bearer` (the password is its token).
 * `password` is sealed wherever it is kept, and never shown. `ca_pem`: authorities that count, not the
 * machine's.
 */
export interface MeterConfig {
  protocol: "http" | "modbus-tcp" | "mqtt" | "ocpp" | "p1" | "push";
  address: string;
  interval_s: number;
  import_is_positive: boolean;
  measures: "everything" | "without_evs";
  phases: number[];
  meter_time: boolean;
  map: string;
  topic: string;
  values: MeterValue[];
  status_topic: string;
  offline_text: string;
  auth: "basic" | "bearer" | "digest" | "none";
  user: string;
  password: string;
  ca_pem: string;
}

/**
 * One node of the tree. `rating_a` is per phase; `reserve_a` is the worst base load, used when no meter
 * tells.
 *
 * `parent_id` is None at the grid connection only. `rotation` maps this circuit's phases to its parent's.
 *
 * Besides the amperes, where they are given: `rating_w` bounds the active and `rating_va` the apparent power
 * of all phases together, `neutral_a` the current in the neutral, and `unbalance_a` by how much the most
 * loaded phase may lead the least loaded one (18 A is a common national rule).
 *
 * `generation_a` is the most per phase that generation below the meter may feed in: without it a base below
 * zero is a meter that can't be trusted. `reserve_a` is the base without sun. `export_a` is what may flow
 * out, per phase (None: not limited). `sensors` (cable, cabinet, transformer), `hot_spot`, `demand` and
 * `signals` limit it besides.
 */
export interface Circuit {
  circuit_id: string;
  name: string;
  rating_a: number;
  parent_id: string | null;
  rotation: Rotation;
  limits: LimitSource[];
  meter: MeterConfig | null;
  reserve_a: number;
  generation_a: number;
  export_a: number | null;
  sensors: TemperatureSensor[];
  hot_spot: HotSpotModel | null;
  demand: DemandWindow | null;
  signals: SignalSource[];
  rating_w: number | null;
  rating_va: number | null;
  neutral_a: number | null;
  unbalance_a: number | null;
}

/**
 * A power cabinet that several DC EVSEs share: `modules` blocks of `module_w` each, towards the cars.
 *
 * A module feeds one EVSE at a time; `move_s` is how long it takes to change to another one: a raise that
 * needs it waits so long.
 */
export interface Cabinet {
  cabinet_id: string;
  modules: number;
  module_w: number;
  move_s: number;
  name: string;
}

/**
 * One EVSE as the law sees it: all its connectors are one load.
 *
 * `phases` are the circuit's phases that the EVSE's L1.. land on, in the EVSE's own order: `(1,)` is a
 * single-phase socket on L2, `(2, 0, 1)` a three-phase one rotated. Two phases are two conductors with a
 * common return, or, with `line_to_line`, one load between them (always so on a delta supply, and on split
 * phase at 240 V). `safe_a` is what it draws when nobody
 * talks to it (0 allowed). For DC the amperes are those of its AC supply and `dc_power_w` is its rating on
 * the car's side; `cabinet_id` names the power cabinet that it shares. `phase_switch`: it may be switched
 * between three phases and one while a car charges; off unless somebody knows that its cars stand it.
 * `sensors` lower what it may give when it gets warm.
 */
export interface Evse {
  station_id: string;
  evse_id: number;
  circuit_id: string;
  phases: number[];
  min_a: number;
  max_a: number;
  step_a: number;
  safe_a: number;
  priority: number;
  weight: number;
  dc_power_w: number | null;
  connectors: number;
  label: string;
  line_to_line: boolean;
  cabinet_id: string | null;
  phase_switch: boolean;
  sensors: TemperatureSensor[];
}

/**
 * A site with everything that its controller needs to know beforehand.
 *
 * `lease_s` is how long a grant lives at a station that hears nothing more; `voltage_v` is phase to neutral
 * (on a delta supply: to where its neutral would be, 120 V for 208 V between the lines).
 * `stop_disobedient`: where a meter stays above its limit, end the sessions of EVSEs that do not obey
 * theirs.
 */
export interface Site {
  site_id: string;
  operator_id: string;
  name: string;
  time_zone: string;
  circuits: Circuit[];
  evses: Evse[];
  strategy: Strategy;
  voltage_v: number;
  lease_s: number;
  commissioned: boolean;
  supply: "delta" | "split" | "wye";
  cabinets: Cabinet[];
  sharing: SharingRules;
  stop_disobedient: boolean;
  devices: Device[];
}

/**
 * One constraint that held an EVSE, in words, and what would have given it more.
 *
 * Of a circuit's phase it tells the sum: `limit_a` (whose: `source`, until `valid_until`) is made up of
 * `base_a`, `margin_a`, `reserve_a` (EVSEs that could not be steered), `grants_a` (the others) and
 * `kept_back_a` (until a site is commissioned). `base_from` is how the base was known.
 */
export interface Bound {
  code: ReasonCode | string;
  words: string;
  more: string | null;
  circuit_id: string | null;
  circuit: string | null;
  phase: number | null;
  limit_a: number | null;
  source: string | null;
  valid_until: Instant | null;
  base_a: number | null;
  base_from: "held" | "meter" | "reserve" | "worst" | null;
  margin_a: number | null;
  reserve_a: number | null;
  grants_a: number | null;
  kept_back_a: number | null;
}

/**
 * What an EVSE had of the circuit phase that bound most. `amperes` is what counted: its share, or what
 * was set aside for it (`reserved`); `drawn_a` what its meter told last.
 */
export interface Share {
  station_id: string;
  evse_id: number;
  label: string;
  amperes: number;
  drawn_a: number | null;
  reserved: boolean;
  priority: number;
}

/** A limit that was sent to an EVSE before, why, and what its station said. */
export interface Change {
  at: Instant;
  kind: "cut" | "raise";
  from_a: number;
  to_a: number;
  cause: string;
  answer: "accepted" | "refused" | "unanswered" | "under way" | "unknown";
  answered_at?: Instant | null;
}

/**
 * What the law was told: a circuit's meter, an EVSE's meter, a limit, the station, the session.
 * `trouble`: not as it should be.
 */
export interface Input {
  what: "evse_meter" | "limit" | "meter" | "session" | "station";
  words: string;
  circuit_id: string | null;
  age_s: number | null;
  trouble: boolean;
}

/**
 * Why an EVSE had what it had at `at`, the last tick before `asked`.
 *
 * `limit_a`: the limit in force at the station, `target_a`: where the law wanted it to be (None: nothing was
 * decided for it), `held_a`: the most that it may have drawn, `drawn_a`: what its meter told. `shares` are
 * of `bounds[0]`'s circuit phase, where that is one. `changes` are the limits that were
 * sent to it before, the last first. `actions` is what was sent to anybody in this very
 * tick.
 */
export interface Why {
  site_id: string;
  station_id: string;
  evse_id: number;
  label: string;
  time_zone: string;
  asked: Instant;
  at: Instant;
  words: string;
  limit_a: number;
  target_a: number | null;
  held_a: number;
  drawn_a: number | null;
  max_a: number;
  strategy: string;
  bounds: Bound[];
  shares: Share[];
  changes: Change[];
  inputs: Input[];
  actions: string[];
  notes: string[];
}

/** An EVSE in a happening; for cuts and raises from which limit to which. */
export interface Step {
  station_id: string;
  evse_id: number;
  label: string;
  from_a: number | null;
  to_a: number | null;
}

/** Something that happened in a tick, to one or many EVSEs or a circuit. */
export interface Happening {
  at: Instant;
  kind: HappeningKind;
  words: string;
  evses: Step[];
  circuit_id: string | null;
  cause: string | null;
}

/**
 * What happened in a span, the last first. `kept_from`: the log reaches back so far. `more`: earlier ones
 * of the span were left out.
 */
export interface Timeline {
  site_id: string;
  time_zone: string;
  start: Instant;
  end: Instant;
  kept_from: Instant | null;
  happenings: Happening[];
  more: boolean;
}

/** One question put to a station or a site. `passed` None: it could not be asked (`evidence` says why). */
export interface Finding {
  name: string;
  passed: boolean | null;
  evidence: string;
}

/** What a firmware does, as found out at one station. */
export interface ProbeReport {
  station_id: string;
  vendor: string;
  model: string;
  firmware: string;
  version: string;
  at: Instant;
  actor: string;
  findings: Finding[];
}

/** A probe at work: what it has found so far. */
export interface ProbeRun {
  station_id: string;
  findings: Finding[];
}

/**
 * One step with what it found. `waiting`: something is missing (a car, a week, a hand at a cable); run
 * the assessment again when it is there.
 */
export interface AssessmentStep {
  name: StepName;
  state: "failed" | "open" | "passed" | "waiting";
  findings: Finding[];
  at: Instant | null;
}

/**
 * What an assessment does now: `what` (an EVSE, a station, a circuit; empty: nothing of its own), number
 * `done` + 1 of `of`, and until when at the latest, where that is known.
 */
export interface StepProgress {
  step: StepName;
  what: string;
  done: number;
  of: number;
  since: Instant;
  until: Instant | null;
}

/**
 * A site looked at as a whole. `accepted_by` is who has read it and lets the site use all of its
 * headroom; `running` while steps are being done, and `progress` how far they are.
 */
export interface Assessment {
  assessment_id: string;
  site_id: string;
  actor: string;
  started_at: Instant;
  finished_at: Instant | null;
  accepted_by: string | null;
  running: boolean;
  progress: StepProgress | null;
  steps: AssessmentStep[];
}

/**
 * A site below a circuit of the group.
 *
 * `guaranteed_a`: it is served so much, as far as it wants it, before anybody gets more, and it is what the
 * site falls back to when it hears nothing. Beyond it the higher `priority` goes first, and members of one
 * class share by `weight`. `rotation`: which of the circuit's phases the site's L1.. are wired to.
 */
export interface GroupMember {
  site_id: string;
  circuit_id: string;
  guaranteed_a: number;
  priority: number;
  weight: number;
  rotation: Rotation;
}

/**
 * Sites under one supply. The circuit without `parent_id` is the supply itself; a circuit's `reserve_a`
 * is the worst of what else hangs on it and below, members not among it.
 *
 * `lease_s`: how long a grant counts at a member that hears nothing more. `settle_s`: how long the EVSEs of
 * a site may go on after that at most, where the site itself has not told (two leases of five minutes and a
 * minute, and one for clocks). `voltage_v` is to neutral.
 */
export interface SiteGroup {
  group_id: string;
  operator_id: string;
  name: string;
  circuits: Circuit[];
  members: GroupMember[];
  voltage_v: number;
  lease_s: number;
  settle_s: number;
}

/**
 * What a site tells its parent, each second.
 *
 * `life` is another one after each start of its controller, `number` rises within one. `epoch` and `seq` are
 * those of the grant that it applied last (0: none), `limit_a` and `limit_w` what its parent's word limits
 * it to now (None: by nothing), `lease_left_s` how long that counts yet.
 *
 * At the site's grid connection, each the highest of its phases: `base_a` of what nobody steers, `demand_a`
 * what it could make use of, `held_a` the most that it may draw as far as anyone can prove. `drawn_a` is
 * what flows there for certain, on the site's phases, `drawn_age_s` ago (None: not known). `settle_s`: if
 * its controller died now, its EVSEs could go on for so long (None: for ever).
 */
export interface MemberReport {
  site_id: string;
  life: string;
  number: number;
  epoch: number;
  seq: number;
  limit_a: number | null;
  limit_w: number | null;
  lease_left_s: number;
  base_a: number;
  demand_a: number;
  held_a: number;
  base_w: number;
  demand_w: number;
  held_w: number;
  drawn_a: PerPhase | null;
  drawn_age_s: number;
  settle_s: number | null;
}

/**
 * What a member may draw: `limit_a` on each phase and `limit_w` in all (None: power is not limited), for
 * `lease_s` from the moment at which it sent the report that is answered.
 *
 * Then the lower of that and the fallback, and from `rise_s` on the fallback: not before all others have
 * come down to theirs (None: never). `epoch` and `seq` only grow; an older grant is not to be followed.
 */
export interface MemberGrant {
  epoch: number;
  seq: number;
  limit_a: number;
  fallback_a: number;
  lease_s: number;
  rise_s: number | null;
  limit_w: number | null;
  fallback_w: number | null;
}

/** An emergency stop of the whole group that holds. */
export interface GroupStop {
  reason: string;
  by: string;
  stop_sessions: boolean;
  stop_generation: boolean;
}

/** What a report is answered with. No grant: what the member has runs on, and nothing new is promised. */
export interface MemberAnswer {
  grant: MemberGrant | null;
  stop: GroupStop | null;
}

/**
 * A member now. `grant_a` and `grant_w` are what it runs on; `counted_a` the most that is counted for it;
 * `drawn_a` the highest of its phases.
 */
export interface MemberView {
  site_id: string;
  name: string;
  circuit_id: string;
  priority: number;
  weight: number;
  guaranteed_a: number;
  standing: "live" | "silent" | "unknown";
  heard_s: number | null;
  grant_a: number | null;
  grant_w: number | null;
  target_a: number;
  counted_a: number;
  demand_a: number;
  base_a: number;
  drawn_a: number | null;
  lease_left_s: number;
  reasons: Reason[];
}

/**
 * A circuit of the group now. `members_a`: the most that all below are counted with (None: anything);
 * `drawn_a` its meter, or the sum of what members tell and the base.
 */
export interface GroupCircuitView {
  circuit_id: string;
  name: string;
  parent_id: string | null;
  limit_a: number;
  limit_source: string;
  limit_w: number | null;
  margin_a: number;
  base_a: PerPhase;
  members_a: number | null;
  meter_state: "dead" | "fresh" | "none" | "stale";
  metered_a: PerPhase | null;
  drawn_a: PerPhase;
}

/**
 * A group now. `holding`: why nobody is granted more at the moment. `coordinated`: by this node; else
 * another one knows more.
 */
export interface GroupView {
  group_id: string;
  name: string;
  epoch: number;
  holding: string | null;
  coordinated: boolean;
  overcommitted: boolean;
  circuits: GroupCircuitView[];
  members: MemberView[];
  stop: GroupStop | null;
}

/** What came of it, line by line; `usable` where it has told how it stands. */
export interface DeviceTrial {
  usable: boolean;
  words: string[];
}

/** One thing wrong in a body or query: `where` is its path, `what` is wrong with it. */
export interface FieldProblem {
  where: string;
  what: string;
}

/**
 * Why the database can't be used, in words, what helps, and since when (site time). Stations charge on
 * meanwhile; they are not answered, and send again.
 */
export interface StoreTroubleView {
  kind: "corrupt" | "denied" | "full" | "io" | "locked" | "overloaded" | "read-only" | "recovered" | "unreachable";
  text: string;
  remedy: string;
  since: Instant;
}

/**
 * An error, as RFC 9457 writes it, with what is wrong, where, and what would be right.
 *
 * `outcome` is a station's, where the error is that it did not do what it was told. `trouble` is the
 * database's, where that is the error.
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string;
  instance?: string;
  what?: string;
  where?: string;
  remedy?: string;
  errors?: FieldProblem[];
  outcome?: Outcome | null;
  trouble?: StoreTroubleView | null;
}

/** The node answers and its store can be read. `at` is site time. */
export interface HealthView {
  status: "ok";
  at: Instant;
}

/** What runs here. */
export interface VersionView {
  name: string;
  version: string;
  api: string;
}

/** The simulated world's switches: which stations' plugs are in. */
export interface DemoView {
  speed: number;
  stations: Record<string, boolean>;
}

/** A simulated station's network cable. */
export interface PlugView {
  station_id: string;
  plugged: boolean;
}

/** The code of a one-time link. */
export interface SignInChange {
  code: string;
}

/** Who asks. `actor` is the name in the audit, `via` how they proved who they are. */
export interface MeView {
  operator_id: string;
  name: string;
  role: Role;
  actor: string;
  via: "key" | "session";
  permissions: Permission[];
}

/** A person who may sign in. */
export interface UserView {
  name: string;
  role: Role;
  created_at: Instant;
  disabled: boolean;
}

/** A key, without its secret. */
export interface ApiKeyView {
  prefix: string;
  name: string;
  role: Role;
  created_at: Instant;
  revoked_at: Instant | null;
  last_used_at: Instant | null;
}

/** A key to be made. */
export interface ApiKeyChange {
  name: string;
  role: Role;
}

/** A key just made: the only time that `key` is shown. */
export interface NewApiKeyView {
  key: string;
  about: ApiKeyView;
}

/**
 * A sign-in link to be made for a user, who is created where the name is new.
 *
 * `role` is the user's from now on; None keeps it (a new user is a viewer then).
 */
export interface LinkChange {
  user: string;
  role?: Role | null;
}

/** A sign-in link just made: the only time that it is shown. `path` follows the node's own address. */
export interface LinkView {
  path: string;
  user: string;
  role: Role;
  expires_at: Instant;
}

/** One command and what became of it. */
export interface AuditView {
  audit_id: string;
  at: Instant;
  actor: string;
  action: string;
  target: string;
  detail: unknown;
  outcome: string | null;
  outcome_detail: string | null;
  outcome_at: Instant | null;
}

/** Newest first; `next` is the `before` of the following page. */
export interface AuditPage {
  items: AuditView[];
  next: string | null;
}

/** An action that can be sent to a station, and the JSON Schema (2020-12) of its payload. */
export interface ActionView {
  action: string;
  schema: Record<string, unknown>;
}

/** A driver's token. Values are compared without regard to case. For the members see TokenChange. */
export interface TokenView {
  value: string;
  kind: string;
  status: "Accepted" | "Blocked" | "Expired" | "Invalid";
  group: string | null;
  expires_at: Instant | null;
  label: string;
  message: string;
  language: string;
  allowed: Place[];
  concurrent: boolean | null;
  priority: number | null;
  listed: boolean;
  master: boolean;
}

/**
 * A token to be added or changed.
 *
 * Members of one `group` may stop each other's transactions; those of the node's master pass group may stop
 * any and start none. `message` (in `language`, like `de` or `en-GB`) is shown to the driver. `allowed` are
 * the places where it is good, none: everywhere. `concurrent` lets it charge at two places at once, null: as
 * the node is set. `priority` is -9..9. `listed` puts it on the stations' local lists.
 */
export interface TokenChange {
  value: string;
  kind?: "Central" | "DirectPayment" | "EVCCID" | "ISO14443" | "ISO15693" | "KeyCode" | "Local" | "MacAddress" | "NoAuthorization" | "VIN" | "eMAID";
  status?: "Accepted" | "Blocked" | "Expired" | "Invalid";
  group?: string | null;
  expires_at?: Instant | null;
  label?: string;
  message?: string;
  language?: string;
  allowed?: Place[];
  concurrent?: boolean | null;
  priority?: number | null;
  listed?: boolean;
}

/**
 * A reservation. `evse_id` null: any EVSE of the station, or any with a connector of `connector_type`.
 *
 * `detail` is the station's word on its state. `no_show`: it passed unused although the station was there
 * and in order. `transaction_id` is the transaction that used it.
 */
export interface ReservationView {
  reservation_id: number;
  station_id: string;
  evse_id: number | null;
  connector_type: string | null;
  token: string;
  kind: string;
  group: string | null;
  expires_at: Instant;
  state: "active" | "cancelled" | "expired" | "no_show" | "refused" | "removed" | "requested" | "used";
  detail: string;
  no_show: boolean;
  transaction_id: string | null;
  created_by: string;
  created_at: Instant;
  changed_at: Instant;
}

/** Reservations, the newest first; `next` is the `before` of the following page. */
export interface ReservationPage {
  items: ReservationView[];
  next: number | null;
}

/** Keep an EVSE of a station free for a token, and for those of `group`, until `expires_at`. */
export interface ReservationRequest {
  station_id: string;
  token: string;
  kind?: "Central" | "DirectPayment" | "EVCCID" | "ISO14443" | "ISO15693" | "KeyCode" | "Local" | "MacAddress" | "NoAuthorization" | "VIN" | "eMAID";
  expires_at: Instant;
  evse_id?: number | null;
  connector_type?: string | null;
  group?: string | null;
}

/**
 * A station's local list.
 *
 * `enabled`: it is kept in step with the tokens. `version` is that of the update which it took last,
 * `seen_version` what the station told itself last (null: never asked). `state` is `synced` when it holds
 * what it should, `behind` when it does not yet, `failed` or `unsupported` when it refused; `detail` says
 * more. `entries` are those that it holds.
 */
export interface LocalListView {
  station_id: string;
  enabled: boolean;
  version: number;
  seen_version: number | null;
  seen_at: Instant | null;
  state: "behind" | "failed" | "synced" | "unknown" | "unsupported";
  detail: string;
  entries: number;
  changed_at: Instant;
}

/** Keep a station's list in step with the tokens, or no longer. */
export interface LocalListChange {
  enabled: boolean;
}

/** Bring a list up to date now; `whole`: all of it, whatever the station holds. */
export interface LocalListSync {
  whole?: boolean;
}

/** A token that a station holds. */
export interface HeldEntry {
  value: string;
  kind: string;
}

/** Why a transaction is over that its station never ended. */
export interface TransactionClosing {
  why: string;
}

/** Certificates to trust for a use: one or more, PEM. Roots, or sub CAs that shall count as such. */
export interface TrustedCertificateChange {
  use: "CSMSRootCertificate" | "MORootCertificate" | "ManufacturerRootCertificate" | "OEMRootCertificate" | "V2GRootCertificate";
  pem: string;
  label?: string;
}

/**
 * A certificate that is trusted; `fingerprint` is SHA-256 of its DER in hex. `expiring`: within 30 days,
 * or over already (`expired`).
 */
export interface TrustedCertificateView {
  use: string;
  fingerprint: string;
  label: string;
  subject: string;
  issuer: string;
  serial_number: string;
  not_before: Instant;
  not_after: Instant;
  expiring: boolean;
  expired: boolean;
  pem: string;
  added_by: string;
  added_at: Instant;
}

/**
 * A certificate that a station holds, by the hashes it goes by there: what delete_certificate wants.
 *
 * `subject`, `not_after`, `expiring` and `expired` are known only of certificates that somebody here has
 * had, null otherwise. `parent_id` is the certificate whose chain this one belongs to. `installed_at` is
 * when the station took it from us, `reported_at` when it listed it.
 */
export interface StationCertificateView {
  station_id: string;
  use: string;
  certificate_id: string;
  certificate: HashData;
  parent_id: string | null;
  subject: string | null;
  not_after: Instant | null;
  expiring: boolean | null;
  expired: boolean | null;
  installed_at: Instant | null;
  reported_at: Instant | null;
}

/** Stations that shall hold a trusted certificate. */
export interface InstallChange {
  stations: string[];
}

/** What became of an installation at a station: see the command `install_certificate`. */
export interface InstalledView {
  station_id: string;
  outcome: Outcome;
}

/** What ends soon, or has ended. */
export interface ExpiringView {
  trusted: TrustedCertificateView[];
  held: StationCertificateView[];
}

/** A profile that we installed; `pending` where its answer never came. */
export interface InstalledProfileView {
  evse_id: number;
  profile: Profile;
  status: "accepted" | "cleared" | "pending";
  at: Instant;
}

/** A period as somebody else wrote it; a limit of null is none. */
export interface HeldPeriodView {
  start_s: number;
  limit: number | null;
  number_phases: number | null;
}

/** A schedule as somebody else wrote it. */
export interface HeldScheduleView {
  unit: "A" | "W";
  start: Instant | null;
  duration_s: number | null;
  periods: HeldPeriodView[];
}

/** A profile as the station reported it; `ours` where we know it, a stranger otherwise. */
export interface HeldProfileView {
  evse_id: number;
  profile_id: number;
  source: string;
  purpose: string;
  kind: string;
  stack_level: number;
  station_transaction_id: string | null;
  schedules: HeldScheduleView[];
  ours: boolean;
  at: Instant;
}

/** A limit that somebody else imposes (`evse_id` 0: on the station). */
export interface ExternalLimitView {
  evse_id: number;
  source: string;
  grid_critical: boolean | null;
  schedules: HeldScheduleView[];
  at: Instant;
}

/**
 * What a car at an EVSE needs and means to draw (ISO 15118): how its needs were answered, its plan, and
 * whether that is within what it may.
 */
export interface CarView {
  evse_id: number;
  needs: ChargingNeeds | null;
  answer: string | null;
  needs_at: Instant | null;
  plan: HeldScheduleView | null;
  within: boolean | null;
  plan_at: Instant | null;
}

/** What a station said it makes of the profiles of an EVSE. */
export interface CompositeView {
  evse_id: number;
  unit: "A" | "W";
  start: Instant;
  periods: SchedulePeriod[];
}

/**
 * A station's smart charging. `mode` is what somebody chose, null leaves it to its site; `rate_unit` the
 * only unit that it takes, null where both may do; `refused` why it knows no profiles, empty where it does.
 * `held` is what it reported, all of it at `read_at`.
 */
export interface StationChargingView {
  station_id: string;
  mode: "managed" | "observed" | "off" | null;
  rate_unit: "A" | "W" | null;
  refused: string;
  read_at: Instant | null;
  installed: InstalledProfileView[];
  held: HeldProfileView[];
  limits: ExternalLimitView[];
  cars: CarView[];
  composites: CompositeView[];
}

/**
 * How a station is treated: `managed` (limits are set, strangers' profiles cleared), `observed` (only
 * people set profiles), `off` (nobody does); null leaves it to its site.
 */
export interface ChargingModeChange {
  mode: "managed" | "observed" | "off" | null;
}

/**
 * A profile without its place and time. An Absolute or Recurring one without `start` starts when it is
 * set.
 */
export interface ProfileTemplate {
  stack_level: number;
  purpose: "ChargingStationMaxProfile" | "TxDefaultProfile" | "TxProfile";
  kind: "Absolute" | "Recurring" | "Relative";
  unit: "A" | "W";
  periods: SchedulePeriod[];
  recurrency: "Daily" | "Weekly" | null;
  start: Instant | null;
  duration_s: number | null;
}

/** A template by its name. */
export interface ProfileTemplateView {
  name: string;
  template: ProfileTemplate;
  at: Instant;
}

/** Where to set a template's profile, and under which id. */
export interface TemplateUse {
  evse_id: number;
  profile_id: number;
}

/**
 * What is to be changed of a station; what isn't given stays. null: as the node's settings say.
 *
 * `boot_policy`: its boots are accepted, pending until it is provisioned, or rejected. `provision`: after a
 * boot its variables are read and automatic templates set.
 */
export interface StationChange {
  boot_policy?: "accept" | "pending" | "reject" | null;
  provision?: boolean | null;
}

/**
 * A variable (2.x) or configuration key (1.6: component `OCPP16`) as the station last told it. `value`
 * null: write-only, or not told. What kind of variable it is, is null where no report told it.
 */
export interface VariableView {
  component: string;
  variable: string;
  component_instance: string | null;
  variable_instance: string | null;
  evse_id: number | null;
  connector_id: number | null;
  attribute: string;
  value: string | null;
  read_only: boolean | null;
  mutability: string | null;
  persistent: boolean | null;
  constant: boolean | null;
  data_type: string | null;
  unit: string | null;
  min_limit: number | null;
  max_limit: number | null;
  values_list: string | null;
  supports_monitoring: boolean | null;
  reboot_required: boolean;
  seen_at: Instant;
}

/**
 * By component, EVSE and name; `next` is the `after` of the following page, `total` what is known of the
 * station in all.
 */
export interface VariablePage {
  items: VariableView[];
  next: string | null;
  total: number;
}

/**
 * A report that a station was asked for. `items` is what it told so far, `missing` the parts that have
 * not come; `asked_again`: it was asked for a second time because they did not.
 */
export interface ReportView {
  request_id: number;
  kind: string;
  what: string;
  state: "asked" | "complete" | "empty" | "incomplete" | "refused" | "waiting";
  status: string;
  asked_at: Instant;
  asked_again: boolean;
  parts: number;
  items: number;
  missing: number[];
  finished_at: Instant | null;
}

/**
 * A template: values that variables should have. It is for the stations named, else for those of a vendor
 * and model ("": any). `automatic`: set after a boot of a station that is provisioned by itself.
 */
export interface ConfigurationChange {
  vendor?: string;
  model?: string;
  stations?: string[];
  automatic?: boolean;
  values: WantedValue[];
}

/** A template and who changed it last. */
export interface ConfigurationView {
  name: string;
  vendor: string;
  model: string;
  stations: string[];
  automatic: boolean;
  values: WantedValue[];
  changed_at: Instant;
  changed_by: string;
}

/**
 * A variable's wanted and actual value. `template` is whose value it is, `status` a refusing station's
 * word.
 */
export interface DriftView {
  ref: VariableRef;
  wanted: string;
  actual: string | null;
  state: "differs" | "reboot_required" | "refused" | "same" | "unknown" | "write_only";
  template: string;
  status: string;
}

/** All that is expected of a station; `settled`: nothing is left to set. */
export interface DriftReport {
  station_id: string;
  settled: boolean;
  items: DriftView[];
}

/** A monitor that a station holds, as it told it or accepted it. */
export interface MonitorView {
  monitor_id: number;
  component: string;
  variable: string;
  component_instance: string | null;
  variable_instance: string | null;
  evse_id: number | null;
  connector_id: number | null;
  kind: string;
  value: number;
  severity: number;
  in_transaction_only: boolean;
  seen_at: Instant;
}

/**
 * An event that a station told. `id` is ours, `event_id` the station's; `severity` 0 (danger) to 9
 * (debug), null where its monitor is not known; `alarm`: an alert that was not cleared yet.
 */
export interface EventView {
  id: number;
  station_id: string;
  event_id: number;
  at: Instant;
  received_at: Instant;
  trigger: string;
  kind: string;
  component: string;
  variable: string;
  component_instance: string | null;
  variable_instance: string | null;
  evse_id: number | null;
  connector_id: number | null;
  value: string | null;
  severity: number | null;
  monitor_id: number | null;
  cause: number | null;
  cleared: boolean;
  alarm: boolean;
  tech_code: string | null;
  tech_info: string | null;
  station_transaction_id: string | null;
}

/** Newest first; `next` is the `before` of the following page. */
export interface EventPage {
  items: EventView[];
  next: number | null;
}

/**
 * What a station was asked about a customer, and told: personal data. `reported`: data were asked for;
 * `cleared`: they were to be removed. `data` is null in a list.
 */
export interface CustomerReportView {
  request_id: number;
  asked_at: Instant;
  asked_by: string;
  reported: boolean;
  cleared: boolean;
  state: "asked" | "complete" | "incomplete" | "refused" | "waiting";
  finished_at: Instant | null;
  data: string | null;
}

/**
 * A message on a station's display. `pending`: it was sent, but the station never answered; it may or may
 * not be there. `at` is when it was set or told last.
 */
export interface DisplayMessageView {
  message: DisplayMessage;
  status: "accepted" | "pending";
  at: Instant;
}

/**
 * What a driver thinks of a session, 1 (bad) to 5 (good). Once a session; it can be changed for an
 * hour.
 */
export interface FeedbackChange {
  score: number;
}

/** As it is kept. */
export interface FeedbackView {
  score: number;
  given_at: Instant;
  changed_at: Instant;
}

/**
 * What one session got on one day (of the site's time zone). Of the time that the car was connected it
 * was `wanting_s`: it could draw, and no person, goal or price held it. Of that it was `satisfied_s` with
 * nothing but the EVSE's and its own maximum above it, and `waited_s` with nothing. `score` is its driver's.
 */
export interface ShareView {
  day: string;
  transaction_id: string;
  station_id: string;
  evse_id: number;
  energy_wh: number;
  connected_s: number;
  wanting_s: number;
  satisfied_s: number;
  waited_s: number;
  boosted_s: number;
  score: number | null;
}

/**
 * Who got what from `first_day` to `last_day`, both among them.
 *
 * `satisfied_share` and `waited_share` are of all wanting time (null: nobody wanted anything). `evenness` is
 * Jain's index of the sessions' mean power while they wanted: 1 where all were alike, 1 / n where one had
 * all; null below two sessions. `mean_score` is of the `scores` that drivers gave.
 */
export interface FairnessView {
  fairness: "classes" | "deadline" | "equal" | "first_come" | "need" | "weights";
  first_day: string;
  last_day: string;
  sessions: number;
  energy_wh: number;
  satisfied_share: number | null;
  waited_share: number | null;
  evenness: number | null;
  scores: number;
  mean_score: number | null;
  items: ShareView[];
}

/**
 * A firmware image. `signature_check`: `good`, `unknown` (an algorithm that can't be checked here),
 * `none`. `md5` is what PublishFirmware calls it.
 */
export interface ImageView {
  image_id: string;
  vendor: string;
  model: string;
  version: string;
  note: string;
  file_name: string;
  bytes: number;
  sha256: string;
  md5: string;
  signed: boolean;
  signing_certificate: string | null;
  signature_check: string;
  created_at: Instant;
  created_by: string;
}

/** The maker's signature of an image: certificate in PEM, signature in Base64. */
export interface SignatureChange {
  signing_certificate: string;
  signature: string;
}

/** A word of a station. `expected` is false for one that may not follow the one before. */
export interface StepView {
  at: Instant;
  status: string;
  expected: boolean;
  note: string;
}

/**
 * Firmware that a station installs, or a local controller publishes. `state` is its last word, `answer`
 * what it said to the request. `stalled_at`: it has stood still since long before. `version_check` compares
 * what it tells after its boot: waiting, confirmed, different, unknown.
 */
export interface FirmwareJobView {
  job_id: string;
  station_id: string;
  kind: string;
  request_id: number | null;
  image_id: string | null;
  location: string;
  signed: boolean;
  requested_by: string;
  requested_at: Instant;
  retrieve_at: Instant | null;
  install_at: Instant | null;
  answer: string;
  state: string;
  phase: string;
  steps: StepView[];
  updated_at: Instant;
  ended_at: Instant | null;
  stalled_at: Instant | null;
  fetched_at: Instant | null;
  version_before: string;
  version_wanted: string;
  version_after: string | null;
  version_check: string;
  published_at: string[];
}

/** Install an image, or what lies at a location; see the command update_firmware. */
export interface FirmwareOrder {
  image_id?: string | null;
  location?: string;
  retrieve_at?: Instant | null;
  install_at?: Instant | null;
  signing_certificate?: string | null;
  signature?: string | null;
  retries?: number | null;
  retry_interval_s?: number | null;
  version?: string;
  signed?: boolean;
}

/** Jobs, the newest first; `next` is the cursor of the next page. */
export interface FirmwareJobPage {
  items: FirmwareJobView[];
  next: string | null;
}

/** A log that was brought. */
export interface LogFileView {
  file_id: string;
  name: string;
  bytes: number;
  sha256: string;
  created_at: Instant;
}

/** A log that a station brings. `file` is what it brought, null while (or where) nothing came here. */
export interface LogJobView {
  job_id: string;
  station_id: string;
  log_type: string;
  request_id: number | null;
  location: string;
  oldest: Instant | null;
  latest: Instant | null;
  requested_by: string;
  requested_at: Instant;
  answer: string;
  file_name: string | null;
  state: string;
  phase: string;
  steps: StepView[];
  updated_at: Instant;
  ended_at: Instant | null;
  stalled_at: Instant | null;
  file: LogFileView | null;
}

/** Ask for a log; see the command get_log. */
export interface LogOrder {
  log_type?: "DataCollectorLog" | "DiagnosticsLog" | "SecurityLog";
  location?: string;
  oldest?: Instant | null;
  latest?: Instant | null;
  retries?: number | null;
  retry_interval_s?: number | null;
}

/** Jobs, the newest first; `next` is the cursor of the next page. */
export interface LogJobPage {
  items: LogJobView[];
  next: string | null;
}

/**
 * A group as it shall be: a tree of circuits and the sites below them (`SiteGroup`). Limits of its
 * circuits have a source, and may have an end and a fallback.
 */
export interface GroupChange {
  name: string;
  circuits: Circuit[];
  members: GroupMember[];
  voltage_v?: number;
  lease_s?: number;
  settle_s?: number;
}

/** A reading of a circuit's meter, import positive, taken now; `power_w` of all phases together. */
export interface GroupReading {
  current_a: PerPhase;
  power_w: number | null;
}

/**
 * A reading of a circuit's meter, import positive. `at` is now when absent. With the power of each phase
 * the direction of its current comes from there.
 */
export interface MeterChange {
  current_a: PerPhase;
  at?: Instant | null;
  power_w?: PerPhase | null;
  voltage_v?: PerPhase | null;
}

/**
 * How a circuit is to be metered. It is read once before it is kept; `unproven` keeps it whatever that
 * brings: until it tells something the cars below it get what they may draw unattended.
 *
 * A password that is left out, or is the stars that are shown, stays as it is towards the same address.
 */
export interface MeterConfigChange {
  meter: MeterConfig;
  unproven?: boolean;
}

/** Which meter to read once: the circuit's own where none is given. */
export interface MeterTestRequest {
  meter?: MeterConfig | null;
}

/** A reading that counts, on the circuit's phases, import positive. */
export interface MeterReadingView {
  at: Instant;
  current_a: PerPhase;
  power_w: number | null;
  voltage_v: [number | null, number | null, number | null] | null;
  import_wh: number | null;
  export_wh: number | null;
}

/** What one reading brought, line by line in words; `reading` where it could be used, else the fault. */
export interface MeterTestView {
  usable: boolean;
  words: string[];
  reading: MeterReadingView | null;
  fault: "duplicate" | "frozen" | "future" | "garbled" | "implausible" | "inconsistent" | "missing" | "no_answer" | "no_connection" | "not_a_number" | "offline" | "older" | "refused" | "retained" | "unsigned" | null;
}

/**
 * A circuit's meter: how it is read, what it told last, and what cars' steps say of its phases (`phases`
 * in words; `seen_phases` where its L1.. seem to be, None while that is not shown).
 */
export interface MeterView {
  circuit_id: string;
  meter: MeterConfig | null;
  state: "dead" | "fresh" | "none" | "stale";
  reading: MeterReadingView | null;
  fault: "duplicate" | "frozen" | "future" | "garbled" | "implausible" | "inconsistent" | "missing" | "no_answer" | "no_connection" | "not_a_number" | "offline" | "older" | "refused" | "retained" | "unsigned" | null;
  fault_text: string | null;
  fault_since: Instant | null;
  phases: string | null;
  seen_phases: Rotation | null;
}

/** A register map that a Modbus meter may name. */
export interface MeterMapView {
  map: string;
  name: string;
  source: string;
  tells: string[];
}

/**
 * A price per kWh and per minute from the transaction's begin to its end, tax included. `text` is shown
 * to drivers at stations that can show it, in `language` (RFC 5646); "" shows nothing.
 */
export interface PriceTerms {
  currency: string;
  per_kwh: string;
  per_minute: string;
  text: string;
  language: string;
}

/**
 * A price from `valid_from` on (now where it is left out). Whose it is: `all`; a `station` by its id; an
 * `evse` as `STATION/EVSE`; a `token` by its value. `price` null takes it back: then the next wider
 * one holds.
 */
export interface PriceChange {
  scope: "all" | "evse" | "station" | "token";
  scope_id?: string;
  price: PriceTerms | null;
  valid_from?: Instant | null;
}

/**
 * A price as it was set, `price` null where it was taken back. The newest of a scope that is valid holds;
 * of the scopes the most particular: token, evse, station, all. A transaction keeps the price of its start.
 */
export interface PriceView {
  scope: "all" | "evse" | "station" | "token";
  scope_id: string;
  valid_from: Instant;
  price: PriceTerms | null;
  set_by: string;
  set_at: Instant;
}

/** What a transaction costs, until now while it is open; parts and total each in whole coins. */
export interface CostView {
  currency: string;
  energy: string;
  time: string;
  total: string;
}

/**
 * A station of the site: whether it is there, whether its base profiles were read back (`proven`), and
 * what its firmware has shown at it or at another station (None: it was never probed).
 */
export interface StationProofView {
  station_id: string;
  proven: boolean;
  online: boolean;
  ever_seen: boolean;
  has_password: boolean;
  version: string;
  vendor: string;
  model: string;
  firmware: string;
  probe: ProbeReport | null;
}

/** How far a site is on its way from 80 % of its headroom to all of it. */
export interface CommissioningView {
  commissioned: boolean;
  assessment: Assessment | null;
  stations: StationProofView[];
  probing: ProbeRun[];
}

/**
 * What a station has proved. It is not let in below `security_profile`; `profile_used` is that of its
 * last connection since our start, null before one. `password_changing`: it was told a password and has
 * not come back with it. `certificate` is the one that it showed last. `tolerates_expired`: an expired
 * certificate lets it in once, to be renewed.
 */
export interface StationSecurityView {
  station_id: string;
  security_profile: number;
  profile_used: number | null;
  has_password: boolean;
  password_changing: boolean;
  certificate: string | null;
  certificate_ends_at: Instant | null;
  certificate_expired: boolean;
  tolerates_expired: boolean;
}

/**
 * What a person decides about a station, past OCPP; what is left out stays. To lower `security_profile`
 * needs the permission to administer. `password` is the one that the station already has.
 */
export interface StationSecurityChange {
  security_profile?: 0 | 1 | 2 | 3 | null;
  password?: string | null;
  tolerates_expired?: boolean | null;
}

/**
 * How the station shall come from now on: the security profile and the URL of its port (without the
 * station's id), kept in a `slot` of its network profiles (2.x).
 */
export interface ProfileUpgrade {
  profile: 1 | 2 | 3;
  url: string;
  slot?: number;
  interface?: "Wired0" | "Wired1" | "Wired2" | "Wired3" | "Wireless0" | "Wireless1" | "Wireless2" | "Wireless3";
  reset?: boolean;
}

/** A security event: by the station's clock at `happened_at`, told at `at`. */
export interface SecurityEventView {
  event_id: string;
  station_id: string;
  kind: string;
  critical: boolean;
  detail: string;
  happened_at: Instant;
  at: Instant;
}

/** The one told last first; `next` is the `before` of the following page. */
export interface SecurityEventPage {
  items: SecurityEventView[];
  next: string | null;
}

/** A certificate that a station got from our authority. `fingerprint` is SHA-256 of its DER in hex. */
export interface IssuedCertificateView {
  fingerprint: string;
  station_id: string;
  purpose: string;
  state: "installed" | "issued" | "rejected" | "revoked" | "unanswered";
  subject: string;
  issuer: string;
  serial_number: string;
  not_before: Instant;
  not_after: Instant;
  issued_at: Instant;
  changed_at: Instant;
  detail: string;
  chain: string;
}

/**
 * Who signs stations' certificates. `root` (PEM) is what stations must trust where it is our own;
 * `trouble` why there is none.
 */
export interface AuthorityView {
  kind: "internal" | "none" | "outside";
  root: string | null;
  subject: string | null;
  ends_at: Instant | null;
  trouble: string;
}

/** A site in a list. */
export interface SiteSummary {
  site_id: string;
  name: string;
  time_zone: string;
  strategy: Strategy;
  evses: number;
  evses_online: number;
  sessions: number;
  ev_power_w: number;
  limit_power_w: number;
  overloaded: boolean;
}

/** The strategy a site shall follow. */
export interface StrategyChange {
  strategy: Strategy;
}

/**
 * What is to be said of a form: an error (`where` in the form, and what is wrong there), or, of one that
 * can be built, what deserves a look.
 */
export interface SiteCheckView {
  usable: boolean;
  where: string;
  error: string;
  points: SitePoint[];
  sums: UnattendedSum[];
}

/** Safe mode on or off, and why. */
export interface SafeModeChange {
  on?: boolean;
  reason: string;
}

/**
 * Why a site is stopped; `stop_sessions`: its sessions are ended besides, `stop_generation`: its
 * inverters feed nothing in besides.
 */
export interface EmergencyStop {
  reason: string;
  stop_sessions: boolean;
  stop_generation: boolean;
}

/** Why a stopped site may charge again. */
export interface EmergencyRelease {
  reason: string;
}

/**
 * A part of a schedule: the limit from `valid_from` until before `valid_until`, in amperes per phase, in
 * watts of all phases together, or both.
 */
export interface PieceView {
  valid_from: Instant;
  valid_until: Instant;
  limit_a: number | null;
  limit_w: number | null;
}

/** What a sensor tells, at a circuit or at an EVSE. `at` is now when absent. */
export interface TemperatureChange {
  sensor_id: string;
  celsius: number;
  circuit_id?: string | null;
  station_id?: string | null;
  evse_id?: number | null;
  at?: Instant | null;
}

/**
 * One source's limit on a circuit, in force or of the past: in amperes per phase (`limit_a`), in watts of
 * all phases together (`limit_w`), or both.
 */
export interface LimitView {
  source: string;
  limit_a: number | null;
  valid_until: Instant | null;
  fallback_a: number | null;
  limit_w: number | null;
  fallback_w: number | null;
  set_by: string | null;
  set_at: Instant | null;
  withdrawn_at: Instant | null;
  pieces: PieceView[];
}

/**
 * A circuit's limits: the effective one in amperes and, where somebody limits the power, in watts; the
 * sources now, and those of the past (newest first).
 */
export interface CircuitLimitsView {
  circuit_id: string;
  rating_a: number;
  effective_a: number;
  effective_source: string;
  sources: LimitView[];
  history: LimitView[];
  effective_w: number | null;
  effective_w_source: string | null;
}

/**
 * A limit to be set, in amperes per phase, in watts of all phases together, or both: until `valid_until`
 * (then the fallback, or nothing), or until withdrawn. While one of `pieces` holds, it does in their place.
 */
export interface LimitChange {
  limit_a?: number | null;
  valid_until?: Instant | null;
  fallback_a?: number | null;
  limit_w?: number | null;
  fallback_w?: number | null;
  source?: string;
  pieces?: PieceView[];
}

/** On or off. */
export interface SwitchChange {
  on?: boolean;
}

/** Why an EVSE is set aside. */
export interface QuarantineChange {
  why?: string;
}

/** What a driver declares: energy of the whole session, and when the car leaves. None withdraws it. */
export interface NeedChange {
  need_wh?: number | null;
  departure?: Instant | null;
}

/**
 * What a session shall end at (the first of these) or wait for; what is absent is not asked for, `{}`
 * withdraws all. Money is in the currency of the session's own price, decimal numbers as text.
 *
 * `at_goal`: stop the session, or hold it at 0. `next`: for the session that begins at this EVSE within a
 * quarter of an hour, not for one that runs.
 */
export interface GoalsChange {
  soc_percent?: number | null;
  energy_wh?: number | null;
  time_s?: number | null;
  budget?: string | null;
  max_price_per_kwh?: string | null;
  at_goal?: "pause" | "stop";
  next?: boolean;
}

/**
 * Whom a site gives what is scarce, and who may go before others (see `SharingRules`); what is absent
 * has its default.
 */
export interface SharingChange {
  fairness?: "classes" | "deadline" | "equal" | "first_come" | "need" | "weights";
  keep_alive?: "always" | "learnt" | "off";
  boosts_at_once?: number | null;
  boosts_per_day?: number | null;
  boost_tokens?: string[];
}

/** A car that is plugged in now, and where. */
export interface OpenSessionView {
  site_id: string;
  station_id: string;
  evse_id: number;
  label: string;
  online: boolean;
  power_w: number;
  grant_a: number | null;
  session: SessionView;
  reasons: Reason[];
}

/** The public page of an EVSE, as its QR code names it. */
export interface EvseLinkView {
  code: string;
  path: string;
}

/** What anybody who stands before an EVSE may know of it. Nothing in it tells who charges. */
export interface DriverView {
  code: string;
  site_name: string;
  label: string;
  at: Instant;
  online: boolean;
  status: ConnectorStatus;
  state: "charging" | "connected" | "full" | "paused" | "waiting" | null;
  power_w: number;
  energy_wh: number | null;
  ready_at: Instant | null;
  departure: Instant | null;
  reasons: Reason[];
}

/** A connector's last status; `connector_id` 0 is the EVSE or, with `evse_id` 0, the station. */
export interface ConnectorView {
  evse_id: number;
  connector_id: number;
  status: ConnectorStatus;
  error: string;
  at: Instant | null;
}

/**
 * A station: what it is, and how it stands. `boot_policy` is what its boots are answered by, `provision`
 * whether it is provisioned by itself, and `provisioning_problem` what stood in the way; `registration` is
 * the answer to its last boot. `reboot_required`: values wait for a boot.
 */
export interface StationView {
  station_id: string;
  site_id: string | null;
  online: boolean;
  version: string | null;
  vendor: string | null;
  model: string | null;
  serial: string | null;
  firmware: string | null;
  booted_at: Instant | null;
  last_seen: Instant | null;
  connectors: ConnectorView[];
  transactions: string[];
  boot_policy: "accept" | "pending" | "reject";
  provision: boolean;
  registration: "Accepted" | "Pending" | "Rejected" | null;
  provisioning_problem: string | null;
  reboot_required: boolean;
}

/** A notification of a station: firmware, diagnostics, security, faults. `content` is as it came. */
export interface NoticeView {
  at: Instant;
  action: string;
  content: Record<string, unknown>;
}

/**
 * A change of availability that a station accepted and that its statuses do not show yet. EVSE 0 is the
 * station; without a connector all of the EVSE's are meant.
 */
export interface PendingAvailabilityView {
  evse_id: number;
  connector_id: number | null;
  operative: boolean;
}

/** How a station stands. `notices` are its last notifications, newest first, since the node started. */
export interface StationStatusView {
  station_id: string;
  online: boolean;
  last_seen: Instant | null;
  connectors: ConnectorView[];
  pending_availability: PendingAvailabilityView[];
  notices: NoticeView[];
}

/**
 * A raw frame. `direction` is `in` from the station, `out` to it. `message_log_id` is 0 in a live
 * tail. `message_id` is what a call and its answer share, `action` an answer's too where its call is known.
 */
export interface MessageView {
  message_log_id: number;
  station_id: string;
  at: Instant;
  direction: "in" | "out";
  action: string | null;
  message_id: string | null;
  frame: string;
}

/**
 * Newest first; `next` is the `before` of the following page. A page may hold less than was asked for,
 * even nothing, and have a next one: then the search has come to `searched_to`.
 */
export interface MessagePage {
  items: MessageView[];
  next: number | null;
  searched_to: Instant | null;
}

/** Whether raw messages are kept, and for how many days. */
export interface MessageLogView {
  kept: boolean;
  days: number;
}

/**
 * Why handshakes were turned away (`rejected`) or connections are over (`ended`), `count` times since
 * `first_at`. `reason` is a sentence that a technician can act on, `kind` the same for programs.
 *
 * `station_id` is the identity that was named, registered or not, None where the path named none. `peer`
 * (address and port), `path`, `offered` (subprotocols), `status` (HTTP; 0 where it came to none) and
 * `lasted_s` are the newest one's; None for what a handshake or a connection doesn't have.
 */
export interface ConnectionView {
  finding_id: string;
  outcome: "ended" | "rejected";
  kind: string;
  station_id: string | null;
  reason: string;
  peer: string;
  path: string | null;
  offered: string | null;
  status: number | null;
  lasted_s: number | null;
  count: number;
  first_at: Instant;
  last_at: Instant;
}

/** The one that came last first; `next` is the `before` of the following page. */
export interface ConnectionPage {
  items: ConnectionView[];
  next: string | null;
}

/**
 * A fault of a station's messages, `count` times since `first_at`: `reason` says what is wrong with the
 * newest `frame` (cut), `answered` with which error it was answered, None where nothing may be answered.
 */
export interface RefusedMessageView {
  refusal_id: string;
  station_id: string;
  kind: string;
  action: string | null;
  reason: string;
  answered: string | null;
  frame: string;
  count: number;
  first_at: Instant;
  last_at: Instant;
}

/**
 * What of a station's messages breaks its schema and is repaired, `count` times since `first_at`: `kind`
 * is the place and what was done, without numbers and values; `newest` the last repair with them.
 */
export interface RepairView {
  station_id: string;
  action: string;
  kind: string;
  newest: string;
  count: number;
  first_at: Instant;
  last_at: Instant;
}

/**
 * A transaction. `energy_wh` is the register's advance since the start. `clock_correction_s` is what had
 * to be added to the times that the station told, None where its clock was right. `missing` are the numbers
 * of its messages that never came (`42,44-45`), `incomplete` says that they will not come any more. `cost`
 * is null where it is not known: no price, or energy that nobody metered.
 */
export interface TransactionView {
  transaction_id: string;
  station_transaction_id: string;
  station_id: string;
  evse_id: number;
  connector_id: number | null;
  token: string | null;
  state: "ended" | "open";
  charging_state: ChargingState | null;
  started_at: Instant;
  ended_at: Instant | null;
  energy_wh: number;
  register_start_wh: number | null;
  register_last_wh: number | null;
  cost: CostView | null;
  stop_reason: string | null;
  offline: boolean;
  clock_correction_s: number | null;
  missing: string | null;
  incomplete: boolean;
  need_wh: number | null;
  departure: Instant | null;
  boosted: boolean;
  paused: boolean;
}

/** Newest first; `next` is the `before` of the following page. */
export interface TransactionPage {
  items: TransactionView[];
  next: string | null;
}

/**
 * Values of one measurand on one phase (0: the sum, 1..3: L1..L3, 4: N, 5..7: L1-L2, L2-L3, L3-L1),
 * columns equally long; `at` in epoch seconds, rising.
 *
 * At 15 minutes `at` is where the quarter begins, `value` its mean (of a register the last, of intervals the
 * sum), `low` and `high` its extremes.
 */
export interface SeriesLine {
  measurand: string;
  quantity: "instant" | "interval" | "register";
  phase: number;
  location: string;
  unit: string;
  at: number[];
  value: number[];
  low: number[] | null;
  high: number[] | null;
}

/** Meter values of a transaction or an EVSE. `clock_correction_s`: of a transaction's, see there. */
export interface SeriesView {
  resolution: "15min" | "raw";
  lines: SeriesLine[];
  clock_correction_s: number | null;
}

/** Start a transaction on an EVSE for a token; a TxProfile for it comes without transaction id. */
export interface RequestStart {
  evse_id: number;
  token: IdToken;
  remote_start_id?: number;
  profile?: Profile | null;
}

/** Stop a transaction, by its id on the wire. */
export interface RequestStop {
  station_transaction_id: string;
}

/**
 * Ask whether a transaction goes on, and whether messages of it wait; without an id, whether any messages
 * of transactions wait. Outcome data: TransactionStatus.
 */
export interface GetTransactionStatus {
  station_transaction_id?: string | null;
}

/** `OnIdle` waits for transactions to end (1.6: Soft), `Immediate` doesn't (1.6: Hard). */
export interface Reset {
  kind?: "Immediate" | "OnIdle";
  evse_id?: number | null;
}

/** Ask for a message: `BootNotification Heartbeat StatusNotification MeterValues TransactionEvent ...`. */
export interface Trigger {
  message: string;
  evse_id?: number | null;
  connector_id?: number | null;
}

/** Unlock a connector. */
export interface Unlock {
  evse_id: number;
  connector_id?: number;
}

/** Take an EVSE, one of its connectors, or with `evse_id` 0 the station in or out of service. */
export interface ChangeAvailability {
  evse_id: number;
  operative: boolean;
  connector_id?: number | null;
}

/** Read variables; none named on a 1.6 station: all keys. Outcome data: list of VariableValue. */
export interface GetVariables {
  variables?: VariableRef[];
}

/** Write variables one by one. Outcome data: list of VariableValue, each with its own status. */
export interface SetVariables {
  values: VariableValue[];
}

/** Install or replace a charging profile on an EVSE (0: the station). */
export interface SetProfile {
  evse_id: number;
  profile: Profile;
}

/** Remove a charging profile by its id. */
export interface ClearProfile {
  profile_id: number;
}

/** Remove all charging profiles of an EVSE, a purpose and a stack level, as far as they are named. */
export interface ClearProfiles {
  evse_id?: number | null;
  purpose?: "ChargingStationMaxProfile" | "LocalGeneration" | "PriorityCharging" | "TxDefaultProfile" | "TxProfile" | null;
  stack_level?: number | null;
}

/**
 * Ask a station to report the charging profiles that it holds: by id, or by any of purpose, stack level
 * and source; of one EVSE (0: the station itself), or of all. They come in reports and are then shown with
 * the station's charging. Not known to OCPP 1.6.
 */
export interface GetProfiles {
  evse_id?: number | null;
  profile_ids?: number[];
  purpose?: "ChargingStationMaxProfile" | "LocalGeneration" | "PriorityCharging" | "TxDefaultProfile" | "TxProfile" | "ChargingStationExternalConstraints" | null;
  stack_level?: number | null;
  sources?: string[];
  request_id?: number;
}

/** Ask what the station makes of its profiles. Outcome data: CompositeSchedule. */
export interface GetCompositeSchedule {
  evse_id: number;
  duration_s: number;
  unit?: "A" | "W";
}

/** DataTransfer to the station. Outcome data: its answer's data. */
export interface SendVendorData {
  vendor_id: string;
  message_id?: string | null;
  data?: unknown;
}

/**
 * Give a station the certificate that it asked for. `chain` is PEM: the certificate and the CAs above it,
 * without the root.
 */
export interface InstallSigned {
  chain: string;
  purpose?: "ChargingStationCertificate" | "V2G20Certificate" | "V2GCertificate" | null;
  request_id?: number | null;
}

/**
 * Ask a station to make a new key and to request a certificate for it. `Combined` serves the connections
 * to us and to cars.
 */
export interface RenewCertificate {
  purpose?: "ChargingStation" | "Combined" | "V2G";
}

/**
 * Give a station another password for its connection; without one it is drawn here and nobody sees it.
 * It has 16 to 40 characters; hex digits fit every version.
 */
export interface SetPassword {
  password?: string | null;
}

/**
 * Keep in a station's `slot` how it may reach us: URL, security profile, the interface. It connects so
 * once NetworkConfigurationPriority names the slot and it has been reset; from then on with `password`,
 * where one is given (2.1).
 */
export interface SetNetworkProfile {
  slot: number;
  url: string;
  security_profile: 0 | 1 | 2 | 3;
  interface?: "Wired0" | "Wired1" | "Wired2" | "Wired3" | "Wireless0" | "Wireless1" | "Wireless2" | "Wireless3";
  message_timeout_s?: number;
  password?: string | null;
}

/** Tell a station whose version has one place for it (1.6) to come by a higher security profile. */
export interface SetSecurityProfile {
  profile: 1 | 2 | 3;
}

/**
 * Let a station forget a certificate, named as the station itself reports it (M04.FR.07).
 *
 * `use` is needed for Plug & Charge certificates of a 1.6 station, which go another way than the others.
 */
export interface DeleteCertificate {
  certificate: HashData;
  use?: "CSMSRootCertificate" | "MORootCertificate" | "ManufacturerRootCertificate" | "OEMRootCertificate" | "V2GCertificateChain" | "V2GRootCertificate" | null;
}

/** Ask which certificates a station holds; no use named: all. Outcome data: Holdings. */
export interface GetInstalledCertificates {
  uses?: ("CSMSRootCertificate" | "MORootCertificate" | "ManufacturerRootCertificate" | "OEMRootCertificate" | "V2GCertificateChain" | "V2GRootCertificate")[];
}

/** Let a station trust a root. `certificate` is one X.509 certificate, PEM. */
export interface InstallCertificate {
  use: "CSMSRootCertificate" | "MORootCertificate" | "ManufacturerRootCertificate" | "OEMRootCertificate" | "V2GRootCertificate";
  certificate: string;
}

/**
 * Ask for a whole inventory; it comes in parts, /reports tells how far it is. A 1.6 station tells all its
 * keys at once: outcome data is then a list of VariableValue. `request_id` 0: the next free one.
 */
export interface GetBaseReport {
  base?: "ConfigurationInventory" | "FullInventory" | "SummaryInventory";
  request_id?: number;
}

/** Ask for the variables of components that meet any of `criteria`, or are named, or both. */
export interface GetReport {
  criteria?: ("Active" | "Available" | "Enabled" | "Problem")[];
  variables?: ComponentVariable[];
  request_id?: number;
}

/** Which monitors are active: all that were ever preset, those of the factory, or hard-wired ones only. */
export interface SetMonitoringBase {
  base: "All" | "FactoryDefault" | "HardWiredOnly";
}

/** Report events of this severity and of more severe ones (lower numbers) only. */
export interface SetMonitoringLevel {
  severity: number;
}

/** Install or replace monitors. Outcome data: list of MonitorResult, in the same order. */
export interface SetVariableMonitoring {
  monitors: Monitor[];
}

/** Remove monitors by id. Outcome data: list of MonitorResult. */
export interface ClearVariableMonitoring {
  monitor_ids: number[];
}

/** Ask which monitors there are: all, those of some kinds, those of some variables, or both. */
export interface GetMonitoringReport {
  criteria?: ("DeltaMonitoring" | "PeriodicMonitoring" | "ThresholdMonitoring")[];
  variables?: ComponentVariable[];
  request_id?: number;
}

/**
 * Ask what a station knows of a customer (`report`), let it forget it (`clear`), or both. The customer is
 * named in exactly one way. What the station tells is under /customer-information.
 */
export interface CustomerInformation {
  report: boolean;
  clear: boolean;
  token?: IdToken | null;
  identifier?: string | null;
  certificate?: CertificateHash | null;
  request_id?: number;
}

/** Tell a station what a transaction has cost until now, in its currency; it shows it to the driver. */
export interface CostUpdated {
  station_transaction_id: string;
  total_cost: string;
}

/** Show a message; one with the same id is replaced. Outcome data: the message with its id. */
export interface SetDisplayMessage {
  content: string;
  priority?: "AlwaysFront" | "InFront" | "NormalCycle";
  format?: "ASCII" | "HTML" | "QRCODE" | "URI" | "UTF8";
  language?: string | null;
  state?: "Charging" | "Discharging" | "Faulted" | "Finishing" | "Idle" | "Preparing" | "Suspended" | "Unavailable" | null;
  start?: Instant | null;
  end?: Instant | null;
  station_transaction_id?: string | null;
  message_id?: number;
}

/**
 * Ask which messages the station has: all, or those of the ids, priority and state that are given. It
 * tells them afterwards; status `Unknown` says that there are none.
 */
export interface GetDisplayMessages {
  message_ids?: number[];
  priority?: "AlwaysFront" | "InFront" | "NormalCycle" | null;
  state?: "Charging" | "Discharging" | "Faulted" | "Finishing" | "Idle" | "Preparing" | "Suspended" | "Unavailable" | null;
  request_id?: number;
}

/** Remove a message; status `Unknown` says that it was not there. */
export interface ClearDisplayMessage {
  message_id: number;
}

/**
 * Let a station fetch and install firmware: `image_id` of /api/v1/firmware, or whatever lies at
 * `location`. `retrieve_at` is at once if not given, `install_at` as soon as it may. `version` is what the
 * station shall tell after it. An image brings its own location, version, and, unless `signed` is false,
 * certificate and signature. Outcome data: JobBegun.
 */
export interface UpdateFirmware {
  image_id?: string | null;
  location?: string;
  retrieve_at?: Instant | null;
  install_at?: Instant | null;
  signing_certificate?: string | null;
  signature?: string | null;
  retries?: number | null;
  retry_interval_s?: number | null;
  version?: string;
  signed?: boolean;
  request_id?: number;
}

/**
 * Let a local controller fetch firmware and serve it to its stations. `checksum` is the file's MD5; an
 * image brings its own. Outcome data: JobBegun.
 */
export interface PublishFirmware {
  image_id?: string | null;
  location?: string;
  checksum?: string;
  retries?: number | null;
  retry_interval_s?: number | null;
  request_id?: number;
}

/** Let a local controller serve firmware no longer. `checksum` is the file's MD5. */
export interface UnpublishFirmware {
  checksum: string;
}

/**
 * Let a station upload a log of what happened from `oldest` to `latest`: to this node's file service, or
 * to `location`. Outcome data: JobBegun.
 */
export interface GetLog {
  log_type: "DataCollectorLog" | "DiagnosticsLog" | "SecurityLog";
  location?: string;
  oldest?: Instant | null;
  latest?: Instant | null;
  retries?: number | null;
  retry_interval_s?: number | null;
  request_id?: number;
}

/** Let a station forget the verdicts that it remembers. */
export interface ClearCache {
}

/**
 * Replace a station's local list (`full`), or change the entries named. `version` is the list's from then
 * on; 0: the one that comes next.
 */
export interface SendLocalList {
  full: boolean;
  version?: number;
  entries?: ListEntry[];
}

/** Ask which version of the local list a station holds. Outcome data: its number, 0 where it has none. */
export interface GetLocalListVersion {
}

/**
 * Keep an EVSE (None: any, or any with a connector of `connector_type`) free for a token, and for those
 * of `group`, until `expires_at`. `reservation_id` 0: a new one. Outcome data: the id.
 */
export interface ReserveNow {
  token: IdToken;
  expires_at: Instant;
  evse_id?: number | null;
  connector_type?: string | null;
  group?: string | null;
  reservation_id?: number;
}

/** Give a reserved EVSE free again. */
export interface CancelReservation {
  reservation_id: number;
}

/** A driver's token. `kind` is 2.x's type (`ISO14443`, `Central`, `eMAID`, ...), `ISO14443` in 1.6. */
export interface IdToken {
  value: string;
  kind: string;
}

/** A variable of the device model; a 1.6 configuration key is component `OCPP16`, variable = key. */
export interface VariableRef {
  component: string;
  variable: string;
  component_instance: string | null;
  variable_instance: string | null;
  evse_id: number | null;
  connector_id: number | null;
  attribute: "Actual" | "MaxSet" | "MinSet" | "Target";
}

/**
 * A variable as the station told it (`status` in 2.x's words;
 * value None where it is write-only or unknown).
 */
export interface VariableValue {
  ref: VariableRef;
  value: string | null;
  status: string;
  read_only: boolean | null;
}

/** From `start_s` after the schedule's start on, at most `limit` (in the schedule's unit). */
export interface SchedulePeriod {
  start_s: number;
  limit: number;
  number_phases: number | null;
}

/**
 * A charging profile in standard terms. `unit` is A per phase or W; limits carry one decimal exactly. A
 * Recurring one returns daily unless `recurrency` says otherwise.
 *
 * Of 2.1: the profile says nothing while the station has been offline for more than `max_offline_s`, and
 * with `invalid_after_offline` never again.
 */
export interface Profile {
  profile_id: number;
  stack_level: number;
  purpose: "ChargingStationMaxProfile" | "LocalGeneration" | "PriorityCharging" | "TxDefaultProfile" | "TxProfile";
  kind: "Absolute" | "Recurring" | "Relative";
  unit: "A" | "W";
  periods: SchedulePeriod[];
  start: Instant | null;
  duration_s: number | null;
  station_transaction_id: string | null;
  valid_from: Instant | null;
  valid_to: Instant | null;
  recurrency: "Daily" | "Weekly" | null;
  max_offline_s: number | null;
  invalid_after_offline: boolean;
}

/** A composite schedule as the station told it. A period without a limit is infinite (JSON: null). */
export interface CompositeSchedule {
  start: Instant;
  unit: "A" | "W";
  periods: SchedulePeriod[];
}

/**
 * What became of a command. `result`:
 *
 * `accepted`, `rejected` (the station said no: `status` is its word), `offline` (no socket), `timeout` (no
 * answer; it may or may not have acted), `error` (CALLERROR or an answer that breaks its schema: `detail`
 * says what), `unsupported` (the station's version has no such thing), `invalid` (a raw payload breaks its
 * schema: `status` is OCPP's error code, `detail` names the place; nothing was sent), `not_accepted` (the
 * station was not accepted at its boot, so it must not be told this; nothing was sent).
 */
export interface Outcome {
  result: "accepted" | "error" | "invalid" | "not_accepted" | "offline" | "rejected" | "timeout" | "unsupported";
  status: string;
  detail: string;
  data: unknown;
}

/**
 * What is None is not asked for.
 *
 * The session ends at the first of: the car's state of charge, energy of the session, `time_s` since it
 * began, what it costs with its own tariff (`budget`, in that tariff's currency). `at_goal`: it is stopped
 * (its limit goes to 0 first), or held at 0 until somebody asks otherwise; a budget is kept by a stop where
 * time costs money. While a kWh costs more than `max_price_per_kwh` now the session waits.
 */
export interface Goals {
  soc_percent?: number | null;
  energy_wh?: number | null;
  time_s?: number | null;
  budget?: string | null;
  max_price_per_kwh?: string | null;
  at_goal?: "pause" | "stop";
}

/** A part of a schedule: the limit from `valid_from` until before `valid_until`, epoch seconds. */
export interface LimitPiece {
  valid_from: number;
  valid_until: number;
  limit_a: number | null;
  limit_w: number | null;
}

/**
 * A sensor at an EVSE, a cable or a cabinet, and what may flow at which temperature.
 *
 * `points` are (degrees C, share of the rating) with rising temperatures; in between it is linear, below the
 * first its share holds, above the last one its share. `fallback_share` holds while nothing newer than
 * `stale_s` is known. A lower share holds at once, a higher one after `recover_s` without a lower one.
 */
export interface TemperatureSensor {
  sensor_id: string;
  points: [number, number][];
  fallback_share: number;
  stale_s: number;
  recover_s: number;
}

/**
 * A transformer by its hot spot: what may flow so that its winding stays below `hot_spot_c` for the next
 * `horizon_s` (IEC 60076-7, annex on the differential equations; the defaults are its constants of
 * distribution transformers, oil and air by nature).
 *
 * `rated_a` is the rated current per phase on this circuit's side. `ambient_sensor` names the sensor of the
 * air outside; while it is silent, or without one, `ambient_c` counts. `most_share` is the highest load over
 * the rating that the standard allows for a time.
 */
export interface HotSpotModel {
  rated_a: number;
  loss_ratio: number;
  ambient_c: number;
  ambient_sensor: string;
  hot_spot_c: number;
  top_oil_c: number;
  most_share: number;
  horizon_s: number;
  oil_rise_k: number;
  gradient_k: number;
  oil_s: number;
  winding_s: number;
  x: number;
  y: number;
  k11: number;
  k21: number;
  k22: number;
}

/**
 * The mean power that a circuit shall not exceed over any window of `window_s`, which begin at whole
 * multiples of it (UTC).
 */
export interface DemandWindow {
  limit_w: number;
  window_s: number;
}

/**
 * Somebody who limits a circuit from afar and says again and again that he is there.
 *
 * `source` is the name under which its limits come. When `lost_s` pass without a heartbeat,
 * `failsafe_a` (per phase) and `failsafe_w` (all phases) hold. They are left on a heartbeat and a new limit.
 * A heartbeat without a new limit for `resume_s` is answered by `resume`: `stay` keeps the fail-safe,
 * `release` limits nothing until a limit comes (as use case LPC of EEBUS has it), `last` takes the limit up
 * again that held before.
 */
export interface SignalSource {
  source: string;
  failsafe_a: number | null;
  failsafe_w: number | null;
  heartbeat_s: number;
  lost_s: number;
  resume: "last" | "release" | "stay";
  resume_s: number;
}

/**
 * One device and what is known of it beforehand (docs/devices.md).
 *
 * `circuit_id` and `phases` are where it hangs, `draw_w` and `feed_w` the most that it draws and feeds in on
 * all of them together. `commanded`: whether we write to it; else it is only read. `map` names how it is
 * spoken to: `sunspec`, or a device map. `address` is host:port/unit. With the
 * protocol `none` it is neither read nor commanded, and all that it can do is set aside.
 *
 * `watchdog_s` is how long it keeps a command that it doesn't hear again, and `fallback_w` what it does then
 * (None: not known, so that anything from -`feed_w` to `draw_w` counts). `ramp_w_s` is how fast a command
 * may rise (0: at once); `writes_per_hour` how many changes of a command its memory stands (0: as many as
 * needed; repetitions that the watchdog needs are counted apart).
 *
 * Of a battery: `min_soc_percent` and `max_soc_percent` are the bounds of what we do with it;
 * `recharge_share` is the load, as a share of the grid connection's limit, up to which it charges.
 *
 * Of a heat load: `levels_w` are what it draws at its levels, rising, the first one is what it can't go
 * below (relay: `(0, 6000)`); `dwell_s` is how long a level stays before a higher one. `yields`: it goes
 * down before a car gets less; otherwise it goes down only where a limit can't be held without.
 */
export interface Device {
  device_id: string;
  kind: "battery" | "heat" | "inverter";
  circuit_id: string;
  name: string;
  phases: number[];
  draw_w: number;
  feed_w: number;
  commanded: boolean;
  protocol: "modbus-tcp" | "none";
  address: string;
  map: string;
  interval_s: number;
  watchdog_s: number;
  fallback_w: number | null;
  ramp_w_s: number;
  writes_per_hour: number;
  min_soc_percent: number;
  max_soc_percent: number;
  recharge_share: number;
  levels_w: number[];
  dwell_s: number;
  yields: boolean;
}

/**
 * Where a token is good: a site, or a station, or some of a station's EVSEs; of them (or of all there
 * are) those that give this `current`.
 */
export interface Place {
  site_id?: string | null;
  station_id?: string | null;
  evse_ids?: number[];
  current?: "AC" | "DC" | null;
}

/** CertificateHashDataType of OCPP; hex in lower case, the serial without leading zeros. */
export interface HashData {
  hash_algorithm: "SHA256" | "SHA384" | "SHA512";
  issuer_name_hash: string;
  issuer_key_hash: string;
  serial_number: string;
}

/** What a car wants. Energy in Wh, power in W, currents in A; None is unknown. */
export interface ChargingNeeds {
  transfer: string;
  departure: Instant | null;
  energy_wh: number | null;
  max_power_w: number | null;
  max_current_a: number | null;
  min_current_a: number | null;
  max_voltage_v: number | null;
  state_of_charge: number | null;
}

/** A variable and the value it should have. A 1.6 key is component `OCPP16`. */
export interface WantedValue {
  component: string;
  variable: string;
  value: string;
  component_instance: string | null;
  variable_instance: string | null;
  evse_id: number | null;
  connector_id: number | null;
  attribute: "Actual" | "MaxSet" | "MinSet" | "Target";
}

/**
 * A message on a station's display. Ids are the station's own; 0 is given one. Without `state` it is
 * shown always, with `station_transaction_id` only as long as that transaction goes on, and from `start` to
 * `end` where these are given. `language` is an RFC 5646 tag.
 */
export interface DisplayMessage {
  content: string;
  priority: "AlwaysFront" | "InFront" | "NormalCycle";
  format: "ASCII" | "HTML" | "QRCODE" | "URI" | "UTF8";
  language: string | null;
  state: "Charging" | "Discharging" | "Faulted" | "Finishing" | "Idle" | "Preparing" | "Suspended" | "Unavailable" | null;
  start: Instant | null;
  end: Instant | null;
  station_transaction_id: string | null;
  message_id: number;
}

/** A component, or one of its variables. What is None stands for any. */
export interface ComponentVariable {
  component: string;
  variable: string | null;
  component_instance: string | null;
  variable_instance: string | null;
  evse_id: number | null;
  connector_id: number | null;
}

/**
 * A monitor of a variable: a threshold, a difference, or a period in s. `monitor_id` None makes a new
 * one, else it takes the place of the one that has it.
 */
export interface Monitor {
  variable: ComponentVariable;
  kind: "Delta" | "LowerThreshold" | "Periodic" | "PeriodicClockAligned" | "UpperThreshold";
  value: number;
  severity: number;
  in_transaction_only: boolean;
  monitor_id: number | null;
}

/** What names a certificate: hashes of its issuer, and its serial number, in hexadecimal. */
export interface CertificateHash {
  algorithm: "SHA256" | "SHA384" | "SHA512";
  issuer_name_hash: string;
  issuer_key_hash: string;
  serial_number: string;
}

/** A token of a local list; without a verdict: one to be taken off it. */
export interface ListEntry {
  token: IdToken;
  verdict?: AuthorizationAnswer | null;
}

/**
 * Verdict on a token, in 2.x's words; dialects narrow it to 1.6's five. `expires_at` is when a station
 * shall forget it; `message` (in `language`, RFC 5646) is for the driver, `priority` is -9..9, `evse_ids`
 * are those of the station where the token is good (none: all of them). 1.6 can't say these four.
 * `certificate_status` is the verdict on the contract that a car showed with the token.
 */
export interface AuthorizationAnswer {
  status: "Accepted" | "Blocked" | "ConcurrentTx" | "Expired" | "Invalid" | "NoCredit" | "NotAllowedTypeEVSE" | "NotAtThisLocation" | "NotAtThisTime" | "Unknown";
  group: string | null;
  expires_at: Instant | null;
  message: string;
  language: string;
  priority: number | null;
  evse_ids: number[];
  certificate_status: "Accepted" | "CertChainError" | "CertificateExpired" | "CertificateRevoked" | "ContractCancelled" | "NoCertificateAvailable" | "SignatureError" | null;
}

/** A message of the live feed. */
export type LiveMessage = LiveSnapshot | LiveDelta;

/** Commands by the name in their path. */
export interface Commands {
  request_start: RequestStart;
  request_stop: RequestStop;
  get_transaction_status: GetTransactionStatus;
  reset: Reset;
  trigger: Trigger;
  unlock: Unlock;
  change_availability: ChangeAvailability;
  get_variables: GetVariables;
  set_variables: SetVariables;
  set_profile: SetProfile;
  clear_profile: ClearProfile;
  clear_profiles: ClearProfiles;
  get_profiles: GetProfiles;
  get_composite_schedule: GetCompositeSchedule;
  data_transfer: SendVendorData;
  certificate_signed: InstallSigned;
  renew_certificate: RenewCertificate;
  set_password: SetPassword;
  set_network_profile: SetNetworkProfile;
  set_security_profile: SetSecurityProfile;
  delete_certificate: DeleteCertificate;
  get_installed_certificates: GetInstalledCertificates;
  install_certificate: InstallCertificate;
  get_base_report: GetBaseReport;
  get_report: GetReport;
  set_monitoring_base: SetMonitoringBase;
  set_monitoring_level: SetMonitoringLevel;
  set_variable_monitoring: SetVariableMonitoring;
  clear_variable_monitoring: ClearVariableMonitoring;
  get_monitoring_report: GetMonitoringReport;
  customer_information: CustomerInformation;
  cost_updated: CostUpdated;
  set_display_message: SetDisplayMessage;
  get_display_messages: GetDisplayMessages;
  clear_display_message: ClearDisplayMessage;
  update_firmware: UpdateFirmware;
  publish_firmware: PublishFirmware;
  unpublish_firmware: UnpublishFirmware;
  get_log: GetLog;
  clear_cache: ClearCache;
  send_local_list: SendLocalList;
  get_local_list_version: GetLocalListVersion;
  reserve_now: ReserveNow;
  cancel_reservation: CancelReservation;
}
