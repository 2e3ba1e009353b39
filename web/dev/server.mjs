// Serves web/dist with the server's own security headers and a made-up site behind the same API. Development only.
//   npm run build && npm run fake        PORT=5199 SPEED=20 EVSES=24
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";
import { routes } from "./routes.mjs";
import * as world from "./world.mjs";

const root = process.env.DIST ?? new URL("../dist", import.meta.url).pathname;
const port = Number(process.env.PORT ?? 5199);
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".json": "application/json" };
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'self'";

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://x");
  if (url.pathname.startsWith("/api/v1")) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const answer = await routes(request.method, url.pathname.slice(7), url.searchParams, body ? JSON.parse(body) : {});
    const { status = 200, json, svg } = answer ?? { status: 404, json: { type: "about:blank", title: "Not found", status: 404, detail: `No ${request.method} ${url.pathname}.` } };
    response.writeHead(status, { "content-type": svg ? "image/svg+xml" : "application/json" });
    return response.end(svg ?? (json === undefined ? "" : JSON.stringify(json)));
  }
  let file = join(root, normalize(url.pathname));
  if (url.pathname.startsWith("/e/")) file = join(root, "driver.html");
  else if (!existsSync(file) || statSync(file).isDirectory()) file = join(root, "index.html");
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": CSP });
  createReadStream(file).pipe(response);
});

const sockets = new WebSocketServer({ noServer: true });
let seq = 0;
const watchers = new Set();
const tails = new Set();
server.on("upgrade", (request, socket, head) =>
  sockets.handleUpgrade(request, socket, head, (ws) => {
    const tail = /stations\/([^/]+)\/messages\/live/.exec(request.url);
    const set = tail ? tails : watchers;
    set.add(ws);
    ws.on("close", () => set.delete(ws));
    if (tail) return;
    const snapshot = () => ws.send(JSON.stringify({ type: "snapshot", seq, site: world.current() }));
    ws.on("message", snapshot);
    snapshot();
  }),
);
setInterval(() => {
  const before = world.current();
  world.tick();
  const { at, strategy, overloaded, base_power_w, ev_power_w, limit_power_w, circuits, evses } = world.current();
  const changed = evses.filter((evse, i) => JSON.stringify(evse) !== JSON.stringify(before.evses[i]));
  const frame = JSON.stringify({ type: "delta", seq: ++seq, at, strategy, overloaded, base_power_w, ev_power_w, limit_power_w, circuits, evses: changed });
  for (const ws of watchers) ws.send(frame);
  for (const ws of tails) ws.send(JSON.stringify({ message_log_id: 0, at, direction: "in", action: "MeterValues", frame: `[2,"${seq}","MeterValues",{"connectorId":1,"transactionId":${seq},"meterValue":[]}]` }));
}, 1000);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
