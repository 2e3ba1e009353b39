// A made-up site for working on the console without a node: 24 EVSEs behind 150 A, cars that follow a crude sharing rule.
// Development only; it is neither built nor shipped.

const V = 230;
const rand = (() => {
  let seed = 20261121;
  return () => ((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648);
})();
const VENDORS = ["Voltwerk", "Nordlade", "Kilo", "Ohmly"];

export const speed = Number(process.env.SPEED ?? 20);
const EVSES = Number(process.env.EVSES ?? 24);
const start = Date.UTC(2026, 4, 12, 8, 40);
const born = Date.now();
export const now = () => start + (Date.now() - born) * speed;
const iso = (ms) => new Date(ms).toISOString();

export const site = {
  site_id: "harbour", operator_id: "default", name: "Harbour Works, car park north", time_zone: "Europe/Berlin", strategy: "dynamic", voltage_v: V,
  lease_s: 300, commissioned: true, evses: [],
  circuits: [
    { circuit_id: "main", name: "Main panel", rating_a: 150, parent_id: null },
    { circuit_id: "north", name: "Row north", rating_a: 80, parent_id: "main" },
    { circuit_id: "south", name: "Row south", rating_a: 80, parent_id: "main" },
    { circuit_id: "dc", name: "DC corner", rating_a: 100, parent_id: "main" },
  ],
};
const limits = { main: [], north: [], south: [], dc: [] };

export const evses = Array.from({ length: EVSES }, (_, i) => {
  const dc = i >= EVSES - 2;
  const single = !dc && i % 4 === 3;
  const version = ["1.6", "1.6", "2.0.1", "2.1"][i % 4];
  const evse = {
    station_id: `CP-${String(i + 1).padStart(2, "0")}`, evse_id: 1, label: `${dc ? "DC" : "AC"} ${String(i + 1).padStart(2, "0")}`,
    circuit_id: dc ? "dc" : i % 2 ? "south" : "north", phases: single ? [i % 3] : [0, 1, 2], max_a: dc ? 76 : single ? 32 : i % 5 === 0 ? 16 : 32, dc,
    status: "Available", online: true, version, vendor: VENDORS[i % 4], grant_a: null, grant_w: null, measured_a: [0, 0, 0], power_w: 0, reserve_a: 0,
    session: null, reasons: [{ code: "no_session" }],
  };
  return evse;
});
let nextId = 1000;
function arrive(evse, ago) {
  const at = now() - ago * 1000;
  const need = 6000 + rand() * 34000;
  evse.session = {
    transaction_id: `t${nextId++}`, token: `04A2${(1e6 * rand()).toFixed(0)}`, started_at: iso(at), energy_wh: 0, state: "charging", need_wh: need,
    departure: iso(at + (2 + rand() * 7) * 3600e3), ready_at: null, soc_percent: null, boosted: false, paused: false,
  };
  evse.status = "Charging";
}
for (const [i, evse] of evses.entries()) if (i % 6 !== 4) arrive(evse, rand() * 3600);
if (evses[7]) evses[7].status = "Faulted", (evses[7].session = null);

let base = [0, 0, 0];
let view;
let last = now();
const effective = (c) => limits[c.circuit_id].reduce((m, l) => (l.limit_a < m[0] ? [l.limit_a, l.source] : m), [c.rating_a, "rating"]);

function step() {
  const t = now();
  const h = (t - last) / 3600e3;
  last = t;
  const wave = (k) => Math.sin(t / (9e5 + 2e5 * k) + k) * 8 + Math.sin(t / (7e4 + 1e4 * k)) * 2.5;
  base = [46 + wave(0), 38 + wave(1), 57 + wave(2)];
  for (const c of site.circuits) limits[c.circuit_id] = limits[c.circuit_id].filter((l) => !l.valid_until || Date.parse(l.valid_until) > t);
  const [rootLimit, rootSource] = effective(site.circuits[0]);
  const used = [0, 1, 2].map((p) => base[p] + 2);
  const branchUsed = { north: [0, 0, 0], south: [0, 0, 0], dc: [0, 0, 0] };
  const wants = [];
  for (const evse of evses) {
    const s = evse.session;
    if (!evse.online) {
      for (const p of evse.phases) used[p] += evse.reserve_a + evse.measured_a[p], (branchUsed[evse.circuit_id][p] += evse.reserve_a + evse.measured_a[p]);
      evse.reasons = [{ code: "offline" }];
      continue;
    }
    evse.reserve_a = 0;
    evse.grant_a = 0;
    if (!s || s.paused || s.energy_wh >= s.need_wh) {
      evse.reasons = [{ code: !s ? "no_session" : s.paused ? "paused" : "car" }];
      if (!s) evse.grant_a = null;
    } else wants.push(evse);
  }
  wants.sort((a, b) => Number(b.session.boosted) - Number(a.session.boosted));
  const [bl] = [Object.fromEntries(site.circuits.map((c) => [c.circuit_id, effective(c)]))];
  const room = (e, p) => Math.min(rootLimit - used[p], bl[e.circuit_id][0] - branchUsed[e.circuit_id][p]);
  const give = (e, a) => { e.grant_a += a; for (const p of e.phases) used[p] += a, (branchUsed[e.circuit_id][p] += a); };
  const free = site.strategy === "uncontrolled";
  const open = [];
  for (const e of wants) {
    if (free) { give(e, e.max_a); e.reasons = [{ code: "evse_max" }]; continue; }
    const bad = e.phases.find((p) => room(e, p) < 6);
    if (bad !== undefined) e.reasons = [{ code: "minimum", circuit_id: "main", phase: bad + 1, source: rootSource }];
    else { give(e, 6); e.reasons = []; open.push(e); }
  }
  for (let round = 0; round < 60 && open.length; round++)
    for (let k = open.length - 1; k >= 0; k--) {
      const e = open[k];
      const full = e.phases.find((p) => room(e, p) < 0.5);
      if (e.grant_a >= e.max_a - 0.4) e.reasons = [{ code: e.max_a === 16 ? "car" : "evse_max" }], open.splice(k, 1);
      else if (full !== undefined) {
        const own = rootLimit - used[full] < 0.5;
        e.reasons = [{ code: "circuit", circuit_id: own ? "main" : e.circuit_id, phase: full + 1, source: own ? rootSource : bl[e.circuit_id][1] }, ...(k % 3 ? [] : [{ code: "ramp" }])];
        open.splice(k, 1);
      } else give(e, 0.5);
    }
  for (const e of evses) {
    const s = e.session;
    const target = e.online ? e.grant_a ?? 0 : Math.min(e.measured_a[e.phases[0]], 8);
    const current = e.measured_a[e.phases[0]] || 0;
    const a = Math.abs(target - current) < 0.1 ? target : current + (target - current) * 0.45;
    e.measured_a = [0, 1, 2].map((p) => (e.phases.includes(p) ? a : 0));
    e.power_w = a * V * e.phases.length;
    e.grant_w = e.grant_a === null ? null : e.grant_a * V * e.phases.length;
    if (!s) continue;
    const energy = Math.min(s.need_wh, s.energy_wh + e.power_w * h);
    const state = s.paused ? "paused" : energy >= s.need_wh - 1 ? "full" : a > 1 ? "charging" : "waiting";
    const ready = e.power_w > 50 ? iso(t + ((s.need_wh - energy) / e.power_w) * 3600e3) : s.ready_at;
    e.session = { ...s, energy_wh: energy, state, ready_at: ready };
    if (Date.parse(s.departure) < t && e.online) e.session = null, (e.status = "Available"), (e.measured_a = [0, 0, 0]), (e.power_w = 0);
  }
  if (rand() < 0.02) { const e = evses.find((x) => !x.session && x.online && x.status === "Available"); if (e) arrive(e, 0); }
  const circuits = site.circuits.map((c) => {
    const below = evses.filter((e) => c.circuit_id === "main" || e.circuit_id === c.circuit_id);
    const ev = [0, 1, 2].map((p) => below.reduce((sum, e) => sum + e.measured_a[p], 0));
    const reserve = [0, 1, 2].map((p) => below.reduce((sum, e) => sum + (e.phases.includes(p) ? e.reserve_a : 0), 0));
    const own = c.circuit_id === "main" ? base : [0, 0, 0];
    const [limit_a, limit_source] = effective(c);
    return { ...c, limit_a, limit_source, meter_state: c.circuit_id === "main" ? "fresh" : "none", metered_a: null, base_a: own, ev_a: ev, reserve_a: reserve, margin_a: c.circuit_id === "main" ? 2 : 0 };
  });
  const main = circuits[0];
  view = {
    site_id: site.site_id, name: site.name, at: iso(t), speed, demo: true, strategy: site.strategy, voltage_v: V,
    overloaded: [0, 1, 2].some((p) => main.base_a[p] + main.ev_a[p] > main.limit_a * 1.02), base_power_w: base.reduce((a, b) => a + b) * V,
    ev_power_w: evses.reduce((sum, e) => sum + e.power_w, 0), limit_power_w: main.limit_a * 3 * V, circuits, evses: evses.map((e) => ({ ...e })),
  };
  record(view);
}

const past = [];
function record(v) {
  past.push({ at: Date.parse(v.at) / 1000, base: v.base_power_w, limit: v.limit_power_w, evses: v.evses.map((e) => e.power_w) });
  if (past.length > 20000) past.shift();
}
export function history(from, to) {
  const rows = past.filter((r) => r.at >= from && r.at <= to);
  return {
    site_id: site.site_id, step_s: 10, at: rows.map((r) => r.at), base_power_w: rows.map((r) => r.base), limit_power_w: rows.map((r) => r.limit),
    evses: evses.map((e, i) => ({ station_id: e.station_id, evse_id: 1, label: e.label, power_w: rows.map((r) => r.evses[i]) })),
  };
}
export const current = () => view;
export const limitsOf = (id) => {
  const [effective_a, effective_source] = effective(site.circuits.find((c) => c.circuit_id === id));
  return { circuit_id: id, rating_a: 0, effective_a, effective_source, sources: limits[id], history: [] };
};
export function setLimit(id, change) {
  limits[id] = limits[id].filter((l) => l.source !== change.source).concat({ valid_until: null, fallback_a: null, ...change, set_by: "user:owner", set_at: iso(now()), withdrawn_at: null });
}
export const withdraw = (id, source) => (limits[id] = limits[id].filter((l) => l.source !== source));
export const find = (station, evse) => evses.find((e) => e.station_id === station && e.evse_id === Number(evse));
export const tick = step;
// A past of three hours at once, so that the chart has something to show.
for (let i = 720; i > 0; i--) {
  const real = Date.now;
  Date.now = () => real() - (i * 15e3) / speed;
  if (i === 720) last = now();
  step();
  Date.now = real;
}
