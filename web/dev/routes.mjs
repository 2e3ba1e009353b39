// The made-up site's REST answers. Development only.
import { actions } from "./actions.mjs";
import * as world from "./world.mjs";

const me = { operator_id: "default", name: "owner", role: "owner", actor: "user:owner", via: "session", permissions: ["read", "operate", "audit", "administer"] };
let signedIn = process.env.SIGNED_OUT === undefined;
const iso = (ms) => new Date(ms).toISOString();
const ok = (json) => ({ json });
const problem = (status, title, detail, remedy) => ({ status, json: { type: "about:blank", title, status, detail, remedy } });
const done = { status: 204 };

const MORE = { message: "", language: "", allowed: [], concurrent: null, priority: null, listed: true, master: false };
let tokens = [
  { value: "04A2B1C3D4E5F6", kind: "ISO14443", status: "Accepted", group: "Fleet", expires_at: null, label: "Van 3, spare card", ...MORE },
  { value: "DE8ACCABC123456", kind: "eMAID", status: "Accepted", group: null, expires_at: iso(Date.UTC(2027, 5, 1)), label: "", ...MORE },
  { value: "04FFEE11223344", kind: "ISO14443", status: "Blocked", group: null, expires_at: null, label: "Lost in March", ...MORE },
];
let keys = [{ prefix: "k7dq2p", name: "Building automation", role: "operator", created_at: iso(Date.UTC(2026, 3, 2)), revoked_at: null, last_used_at: iso(Date.UTC(2026, 4, 12, 6)) }];
const station = (id) => {
  const at = world.evses.filter((e) => e.station_id === id);
  const e = at[0];
  return (
    e && {
      station_id: id, site_id: "harbour", online: e.online, version: e.version, vendor: e.vendor, model: "Post 22", serial: `SN-${id}-0042`, firmware: "3.1.7", booted_at: iso(world.now() - 86e6), last_seen: iso(world.now() - (e.online ? 4000 : 3e5)),
      boot_policy: "accept", provision: true, registration: "Accepted", provisioning_problem: null, reboot_required: id === "CP-03",
      connectors: at.map((x) => ({ evse_id: 1, connector_id: 1, status: x.status, error: x.status === "Faulted" ? "GroundFailure" : "", at: iso(world.now() - 3e5) })), transactions: at.filter((x) => x.session).map((x) => x.session.transaction_id),
    }
  );
};
const variables = [
  ["OCPP16", "HeartbeatInterval", "300", false], ["OCPP16", "MeterValueSampleInterval", "10", false], ["OCPP16", "MeterValuesSampledData", "Energy.Active.Import.Register,Current.Import,Power.Active.Import", false],
  ["OCPP16", "NumberOfConnectors", "1", true], ["OCPP16", "SupportedFeatureProfiles", "Core,FirmwareManagement,SmartCharging,RemoteTrigger", true], ["OCPP16", "AuthorizationKey", null, false],
].map(([component, variable, value, read_only]) => ({ component, variable, component_instance: null, variable_instance: null, evse_id: null, attribute: "Actual", value, read_only, connector_id: null, mutability: read_only ? "ReadOnly" : "ReadWrite", persistent: true, constant: false, data_type: null, unit: null, min_limit: null, max_limit: null, values_list: null, supports_monitoring: null, reboot_required: variable === "MeterValueSampleInterval", seen_at: iso(world.now() - 6e6) }));
const FRAMES = [
  ["in", "MeterValues", '[2,"8f1c","MeterValues",{"connectorId":1,"transactionId":4711,"meterValue":[{"timestamp":"2026-05-12T08:51:10Z","sampledValue":[{"value":"15.9","measurand":"Current.Import","unit":"A","phase":"L1"}]}]}]'],
  ["out", "MeterValues", '[3,"8f1c",{}]'],
  ["out", "SetChargingProfile", '[2,"a02b","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":1,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":15.9},{"startPeriod":360,"limit":6.0}]}}}]'],
  ["in", "SetChargingProfile", '[3,"a02b",{"status":"Accepted"}]'],
  ["in", "Heartbeat", '[2,"8f1d","Heartbeat",{}]'],
  ["out", "Heartbeat", '[3,"8f1d",{"currentTime":"2026-05-12T08:51:20Z"}]'],
  ["in", "DataTransfer", '[4,"8f1e","NotImplemented","Unknown vendor",{}]'],
];
const audit = (n) =>
  Array.from({ length: n }, (_, i) => ({
    audit_id: String(900 - i), at: iso(world.now() - i * 17e4), actor: i % 3 ? "site:harbour" : "user:owner", action: i % 3 ? "station.set_profile" : i % 2 ? "limit.set" : "session.boost",
    target: i % 3 ? `CP-${String((i % 24) + 1).padStart(2, "0")}` : "main", detail: { limit_a: 16 - i / 10 }, outcome: i % 7 === 5 ? "timeout" : "accepted", outcome_detail: null, outcome_at: iso(world.now() - i * 17e4 + 300),
  }));

const root = { use: "V2GRootCertificate", fingerprint: "3ac1".repeat(16), label: "V2G Root", subject: "CN=V2G Root CA QA G1,O=Example PKI,C=DE", issuer: "CN=V2G Root CA QA G1", serial_number: "4f21", not_before: iso(0), not_after: iso(world.now() + 9e10), expiring: false, expired: false, pem: "-----BEGIN CERTIFICATE-----", added_by: "user:owner", added_at: iso(world.now()) };
const held = { station_id: "CP-01", use: "CSMSRootCertificate", certificate_id: "c1", certificate: { hash_algorithm: "SHA256", issuer_name_hash: "aa", issuer_key_hash: "bb", serial_number: "1f02aa7731c9" }, parent_id: null, subject: "CN=Ampacity Root,O=Example", not_after: iso(world.now() + 9e8), expiring: true, expired: false, installed_at: iso(world.now() - 9e8), reported_at: iso(world.now() - 6e6) };

/** What the made-up site does not name has its default. */
const CIRCUIT = { rotation: [0, 1, 2], limits: [], meter: null, reserve_a: 40, generation_a: 0, export_a: null, sensors: [], hot_spot: null, demand: null, signals: [], rating_w: null, rating_va: null, neutral_a: null, unbalance_a: null };
const EVSE = { min_a: 6, step_a: 0.1, safe_a: 6, priority: 0, weight: 1, dc_power_w: null, connectors: 1, line_to_line: false, cabinet_id: null, phase_switch: false, sensors: [] };
const FORM = { supply: "wye", cabinets: [], devices: [], stop_disobedient: false, sharing: { fairness: "weights", keep_alive: "learnt", boosts_at_once: null, boosts_per_day: null, boost_tokens: [] } };

/** One of everything for the rooms of a station's page. */
function rooms(path, query) {
  const at = iso(world.now() - 6e5);
  const page = (items) => ({ items, next: null });
  const place = { component: "EVSE", component_instance: null, variable: "Temperature", variable_instance: null, evse_id: 1, connector_id: null };
  const job = { job_id: "j1", station_id: "CP-01", request_id: 4, location: "https://files.example.org/4/", requested_by: "user:owner", requested_at: at, answer: "Accepted", updated_at: at, stalled_at: null };
  const steps = ["Downloading", "Downloaded", "Installing"].map((status) => ({ at, status, expected: true, note: "" }));
  const known = [
    [/\/device-model$/, () => ({ items: variables.filter((v) => v.variable.toLowerCase().includes((query.get("text") ?? "").toLowerCase())), next: null, total: variables.length })],
    [/\/reports$/, () => []],
    [/\/drift$/, () => ({ station_id: "CP-01", settled: false, items: [{ ref: { ...place, component: "OCPP16", variable: "HeartbeatInterval", evse_id: null, attribute: "Actual" }, wanted: "600", actual: "300", state: "differs", template: "Calm heartbeat", status: "" }] })],
    [/\/monitors$/, () => [{ ...place, monitor_id: 7, kind: "UpperThreshold", value: 60, severity: 2, in_transaction_only: false, seen_at: at }]],
    [/\/events$/, () => (path.startsWith("/security") ? null : page([{ ...place, id: 1, station_id: "CP-01", event_id: 1, at, received_at: at, trigger: "Alerting", kind: "CustomMonitor", value: "61.0", severity: 2, monitor_id: 7, cause: null, cleared: false, alarm: true, tech_code: "E17", tech_info: null, station_transaction_id: null }]))],
    [/^\/reservations$/, () => page(["active", "used", "no_show"].map((state, i) => ({ reservation_id: 9 - i, station_id: "CP-01", evse_id: i ? null : 1, connector_type: null, token: "04A2B1C3D4E5F6", kind: "ISO14443", group: null, expires_at: at, state, detail: "", no_show: state === "no_show", transaction_id: null, created_by: "user:owner", created_at: at, changed_at: at })))],
    [/\/local-list$/, () => ({ station_id: "CP-01", enabled: true, version: 4, seen_version: 4, seen_at: at, state: "synced", detail: "", entries: 2, changed_at: at })],
    [/\/local-list\/entries$/, () => tokens.slice(0, 2).map(({ value, kind }) => ({ value, kind }))],
    [/\/security$/, () => ({ station_id: "CP-01", security_profile: 2, profile_used: 2, has_password: true, password_changing: false, certificate: null, certificate_ends_at: null, certificate_expired: false, tolerates_expired: false })],
    [/^\/issued-certificates$/, () => []],
    [/^\/security-events$/, () => page([{ event_id: "e1", station_id: "CP-01", kind: "TamperDetectionActivated", critical: true, detail: "door", happened_at: at, at }])],
    [/\/display-messages$/, () => [{ message: { content: "Closed on Sunday", priority: "InFront", format: "UTF8", language: "en", state: "Idle", start: null, end: null, station_transaction_id: null, message_id: 3 }, status: "accepted", at }]],
    [/^\/firmware$/, () => [{ image_id: "i1", vendor: "Voltwerk", model: "Post 22", version: "3.2.0", note: "", file_name: "post-3.2.0.bin", bytes: 8123456, sha256: "3ac1".repeat(16), md5: "9f".repeat(16), signed: false, signing_certificate: null, signature_check: "none", created_at: at, created_by: "user:owner" }]],
    [/\/stations\/[^/]+\/firmware$/, () => page([{ ...job, kind: "update", image_id: "i1", retrieve_at: null, install_at: null, signed: false, state: "Installing", phase: "open", steps, ended_at: null, fetched_at: at, version_before: "3.1.7", version_wanted: "3.2.0", version_after: null, version_check: "waiting", published_at: [] }])],
    [/\/logs$/, () => page([{ ...job, log_type: "DiagnosticsLog", oldest: null, latest: null, file_name: "cp-01.log", state: "Uploaded", phase: "done", steps: [{ at, status: "Uploaded", expected: true, note: "" }], ended_at: at, file: { file_id: "f1", name: "cp-01.log", bytes: 26000, sha256: "aa", created_at: at } }])],
    [/^\/configurations$/, () => [{ name: "Calm heartbeat", vendor: "Voltwerk", model: "", stations: [], automatic: true, values: [{ ...place, component: "OCPP16", variable: "HeartbeatInterval", evse_id: null, attribute: "Actual", value: "600" }], changed_at: at, changed_by: "user:owner" }]],
  ];
  const answer = known.find(([pattern]) => pattern.test(path))?.[1]();
  return answer ?? null;
}

export async function routes(method, path, query, body) {
  const m = (pattern) => path.match(new RegExp(`^${pattern}$`))?.slice(1).map(decodeURIComponent);
  let p;
  if (path === "/sign-in") return body.code === "good" ? ((signedIn = true), ok(me)) : problem(401, "Unauthorized", "This link is not valid.", "");
  if ((p = m("/public/evses/([^/]+)"))) {
    const e = world.evses[Number(p[0]) || 0];
    const v = world.current();
    return e
      ? ok({ code: p[0], site_name: v.name, label: e.label, at: v.at, online: e.online, status: e.status, state: e.session?.state ?? null, power_w: e.power_w, energy_wh: e.session?.energy_wh ?? null, ready_at: e.session?.ready_at ?? null, departure: e.session?.departure ?? null, reasons: e.reasons })
      : problem(404, "Not found", "No EVSE has this code.", "");
  }
  if (!signedIn) return problem(401, "Unauthorized", "Sign in first.", "");
  if (path === "/me") return ok(me);
  if (path === "/sign-out") return (signedIn = false), done;
  if (path === "/health") return ok({ status: "ok", at: iso(world.now()) });
  if (path === "/version") return ok({ name: "ampacity", version: "0.1.0", api: "v1" });
  if (path === "/sites") {
    const v = world.current();
    return ok([{ site_id: v.site_id, name: v.name, time_zone: world.site.time_zone, strategy: v.strategy, evses: 24, evses_online: 23, sessions: 19, ev_power_w: v.ev_power_w, limit_power_w: v.limit_power_w, overloaded: false }]);
  }
  if (m("/sites/([^/]+)")) return ok({ ...FORM, ...world.site, circuits: world.site.circuits.map((c) => ({ ...CIRCUIT, ...c })), evses: world.evses.map((e) => ({ ...EVSE, station_id: e.station_id, evse_id: e.evse_id, circuit_id: e.circuit_id, label: e.label, phases: e.phases, max_a: e.max_a, dc_power_w: e.dc ? 50_000 : null })) });
  if (m("/sites/[^/]+/check")) return ok({ usable: true, where: "", error: "", points: body.evses.length ? [] : [{ kind: "no_evses", text: "", weight: "hint", circuit_id: null, station_id: null, evse_id: null, figures: {} }], sums: body.circuits.map((c) => ({ circuit_id: c.circuit_id, safe_a: [12, 6, 6], base_a: [40, 38, 41], limit_a: c.rating_a })) });
  if (m("/sites/[^/]+/commissioning")) return ok({ commissioned: false, assessment: null, probing: [], stations: [...new Set(world.evses.map((e) => e.station_id))].map((id) => ({ ...station(id), proven: true, ever_seen: true, has_password: true, probe: null })) });
  if (m("/sites/[^/]+/devices")) return ok([]);
  if ((p = m("/sites/[^/]+/circuits/([^/]+)/meter"))) return ok({ circuit_id: p[0], meter: null, state: "none", reading: null, fault: null, fault_text: null, fault_since: null, phases: null, seen_phases: null });
  if (m("/sites/[^/]+/history")) return ok(world.history(Date.parse(query.get("from")) / 1000, Date.parse(query.get("to")) / 1000));
  if (m("/sites/[^/]+/strategy")) return (world.site.strategy = body.strategy), ok(world.current());
  if ((p = m("/sites/[^/]+/circuits/([^/]+)/limits"))) {
    if (method === "PUT") world.setLimit(p[0], body);
    if (method === "DELETE") world.withdraw(p[0], query.get("source"));
    return ok(world.limitsOf(p[0]));
  }
  if ((p = m("/evses/([^/]+)/([^/]+)/(boost|pause|resume|stop|need)"))) {
    const e = world.find(p[0], p[1]);
    if (!e?.session) return problem(409, "Conflict", `Nothing charges at ${p[0]}/${p[1]}.`, "");
    const s = e.session;
    if (p[2] === "boost") e.session = { ...s, boosted: body.on };
    if (p[2] === "pause" || p[2] === "resume") e.session = { ...s, paused: p[2] === "pause" };
    if (p[2] === "stop") (e.session = null), (e.status = "Available");
    if (p[2] === "need") e.session = { ...s, need_wh: body.need_wh, departure: body.departure };
    return done;
  }
  if ((p = m("/evses/[^/]+/[^/]+/qr.svg"))) return { svg: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 21 21"><path fill="#fff" d="M0 0h21v21H0z"/><path d="M2 2h7v7H2zM12 2h7v7h-7zM2 12h7v7H2zM12 12h3v3h-3z"/></svg>' };
  if ((p = m("/evses/([^/]+)/[^/]+/link"))) return ok({ code: "3", path: "/e/3" });
  if ((p = m("/demo/stations/([^/]+)/(plug|unplug)"))) {
    for (const e of world.evses) if (e.station_id === p[0]) (e.online = p[1] === "plug"), (e.reserve_a = e.online ? 0 : Math.max(6, (e.grant_a ?? 16) - e.measured_a[e.phases[0]] + 4));
    return ok({ speed: 1, stations: {} });
  }
  if (path === "/stations") return ok([...new Set(world.evses.map((e) => e.station_id))].map(station));
  if ((p = m("/stations/([^/]+)"))) return station(p[0]) ? ok(station(p[0])) : problem(404, "Not found", `There is no station ${p[0]}.`, "");
  if ((p = m("/stations/[^/]+/variables"))) return ok(variables);
  if (path === "/messages/log") return ok({ kept: true, days: 14 });
  if (path === "/messages" || m("/stations/[^/]+/messages")) return ok({ items: Array.from({ length: 40 }, (_, i) => ({ message_log_id: 5000 - i, at: iso(world.now() - i * 5e3), direction: FRAMES[i % 7][0], action: FRAMES[i % 7][1], frame: FRAMES[i % 7][2], station_id: "CP-01", message_id: `m${i}` })), searched_to: iso(world.now() - 2e5), next: query.get("before") ? null : 4960 });
  if (path === "/connections") return ok({ items: connections(world, iso).filter((c) => ["station_id", "outcome", "kind"].every((name) => !query.get(name) || c[name] === query.get(name))), next: null });
  if (path === "/quarantine")
    return ok([
      { refusal_id: "r1", station_id: "CP-03", kind: "payload", action: "MeterValues", reason: "Object missing required field `timestamp` - at `$.meterValue[0]`", answered: "ProtocolError", frame: '[2,"m7","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":[]}]}]', count: 41, first_at: iso(world.now() - 4e6), last_at: iso(world.now() - 2e4) },
      { refusal_id: "r2", station_id: "CP-05", kind: "frame", action: null, reason: "Not an OCPP-J message: it ends too early", answered: "RpcFrameworkError", frame: '[2,"m9","Heartbeat",', count: 1, first_at: iso(world.now() - 9e5), last_at: iso(world.now() - 9e5) },
    ]);
  if (m("/quarantine/[^/]+")) return done;
  if ((p = m("/stations/([^/]+)/commands/(.+)"))) {
    await new Promise((go) => setTimeout(go, 300));
    if (p[1] === "get_composite_schedule") return ok({ result: "accepted", status: "Accepted", detail: "", data: { start: iso(world.now()), unit: "A", periods: [{ start_s: 0, limit: 15.9, number_phases: 3 }, { start_s: 360, limit: 6, number_phases: 3 }] } });
    if (p[1] === "unlock") return problem(502, "Rejected", "The station answered UnlockFailed.", "Unlock it at the charger.");
    return ok({ result: "accepted", status: "Accepted", detail: "", data: null });
  }
  if (m("/ocpp/[^/]+/actions")) return ok(actions);
  if ((p = m("/stations/[^/]+/ocpp/([^/]+)"))) {
    await new Promise((go) => setTimeout(go, 300));
    if (p[0] === "SetChargingProfile" && body.csChargingProfiles.stackLevel > 3) return { status: 422, json: { type: "urn:ampacity:invalid", title: "Unprocessable", status: 422, what: "The payload breaks its schema.", remedy: "Nothing was sent.", errors: [{ where: "$.csChargingProfiles.stackLevel", what: "is too high" }] } };
    return p[0] === "ReserveNow" ? ok({ status: "Occupied" }) : ok({ status: "Accepted" });
  }
  if (path === "/certificates/expiring") return ok({ trusted: [], held: [{ ...held, not_after: iso(world.now() + 9e8), expiring: true }] });
  if (path === "/certificates") return ok(method === "POST" ? [root] : [root, { ...root, use: "MORootCertificate", fingerprint: "9f".repeat(32), label: "Old contracts", subject: "CN=Contract Root 2019,O=Example", expired: true, not_after: iso(world.now() - 4e9) }]);
  if (m("/stations/[^/]+/certificates")) return ok([held, { ...held, certificate_id: "c2", use: "V2GCertificateChain", subject: null, not_after: null, expiring: null, expired: null, installed_at: null }]);
  const room = rooms(path, query);
  if (room) return ok(room);
  if (path === "/tokens") {
    if (method === "POST") tokens = [...tokens, { group: null, expires_at: null, label: "", kind: "ISO14443", status: "Accepted", ...body }];
    return ok(method === "POST" ? tokens.at(-1) : tokens);
  }
  if ((p = m("/tokens/(.+)"))) {
    if (method === "DELETE") tokens = tokens.filter((x) => x.value !== p[0]);
    if (method === "PUT") tokens = tokens.filter((x) => x.value !== p[0]).concat({ group: null, expires_at: null, label: "", ...body });
    return done;
  }
  if (path === "/transactions")
    return ok({
      items: Array.from({ length: 25 }, (_, i) => {
        const e = world.evses[i % 24];
        const open = i < 6;
        return { transaction_id: `t${990 - i}`, station_transaction_id: String(4700 - i), station_id: e.station_id, evse_id: 1, connector_id: 1, token: i % 5 ? `04A2B1C3D4E5${i}` : null, state: open ? "open" : "ended", started_at: iso(world.now() - i * 3e6 - 1e6), ended_at: open ? null : iso(world.now() - i * 2e6), energy_wh: 21345 - i * 513, register_start_wh: 1e6, register_last_wh: 1021345, stop_reason: open ? null : ["EVDisconnected", "Local", "Remote"][i % 3], offline: i === 9, clock_correction_s: null, missing: null, incomplete: false, need_wh: null, departure: null, boosted: false, paused: false };
      }),
      next: query.get("before") ? null : "t965",
    });
  if (m("/transactions/[^/]+/series") || m("/evses/[^/]+/[^/]+/series")) {
    const at = Array.from({ length: 200 }, (_, i) => world.now() / 1000 - 3000 + i * 15);
    return ok({ resolution: "raw", truncated: false, lines: [{ measurand: "Power.Active.Import", phase: 0, unit: "W", at, value: at.map((x) => 7000 + 3000 * Math.sin(x / 400)), low: null, high: null }] });
  }
  if ((p = m("/transactions/([^/]+)"))) return (await routes("GET", "/transactions", query, {})) && ok((await routes("GET", "/transactions", query, {})).json.items[0]);
  if (path === "/audit") return ok({ items: audit(30), next: null });
  if (path === "/api-keys") {
    if (method === "POST") {
      const about = { prefix: `n${keys.length}ew2p`, name: body.name, role: body.role, created_at: iso(world.now()), revoked_at: null, last_used_at: null };
      keys = [...keys, about];
      return ok({ key: `amp_${about.prefix}_8hJ2kQ9sZ4vXw7Lm3`, about });
    }
    return ok(keys);
  }
  if ((p = m("/api-keys/(.+)"))) return (keys = keys.map((k) => (k.prefix === p[0] ? { ...k, revoked_at: iso(world.now()) } : k))), done;
  if (path === "/users") return ok([{ name: "owner", role: "owner", created_at: iso(Date.UTC(2026, 3, 1)), disabled: false }]);
  if (path === "/links") return ok({ path: "/#/sign-in?code=Zk3-example", user: body.user, role: body.role, expires_at: iso(world.now() + 86400e3) });
  return null;
}

function connections(world, iso) {
  const base = { path: null, offered: null, status: null, lasted_s: null, count: 1, first_at: iso(world.now() - 9e6) };
  const rejected = { ...base, outcome: "rejected", offered: "ocpp1.6" };
  const ended = { ...base, outcome: "ended" };
  return [
    { ...rejected, finding_id: "c1", kind: "unknown", station_id: "CP-99", reason: "station 'CP-99' is unknown: register it, or admit unknown stations", peer: "10.20.4.31:52113", path: "/ocpp/CP-99", status: 404, count: 1312, last_at: iso(world.now() - 4e3) },
    { ...rejected, finding_id: "c2", kind: "password_wrong", station_id: "CP-04", reason: "the password of station 'CP-04' is wrong", peer: "10.20.4.18:40022", path: "/ocpp/CP-04", status: 401, last_at: iso(world.now() - 9e5) },
    { ...ended, finding_id: "c3", kind: "no_pong", station_id: "CP-03", reason: "no pong in time", peer: "10.20.4.17:40021", lasted_s: 81204, count: 3, last_at: iso(world.now() - 2e6) },
  ];
}
