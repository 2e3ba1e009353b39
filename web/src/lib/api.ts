// The REST side of the server: one function a verb, errors as RFC 9457 problems with what, where and remedy.

import type { FieldProblem, Problem, StoreTroubleView } from "./types";

const ROOT = "/api/v1";

/** An answer that was no success. `status` 0: the server could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly remedy: string;
  readonly errors: readonly FieldProblem[];
  readonly trouble: StoreTroubleView | null;

  constructor(problem: Problem) {
    super(problem.what || problem.detail || problem.title);
    this.name = "ApiError";
    this.status = problem.status;
    this.remedy = problem.remedy ?? "";
    this.errors = problem.errors ?? [];
    this.trouble = problem.trouble ?? null;
  }
}

let onSignedOut: () => void = () => {};

/** What to do when the server no longer knows who we are. */
export function whenSignedOut(action: () => void): void {
  onSignedOut = action;
}

async function problemOf(response: Response): Promise<ApiError> {
  const fallback: Problem = { type: "about:blank", title: response.statusText || `HTTP ${response.status}`, status: response.status };
  try {
    return new ApiError({ ...fallback, ...((await response.json()) as Partial<Problem>) });
  } catch {
    return new ApiError(fallback);
  }
}

/** JSON that goes out letter for letter as it was written: 8.10 stays 8.10. */
export class Written {
  constructor(readonly json: string) {}
}

async function exchange(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<Response> {
  const init: RequestInit = { method, headers: { accept: "application/json", ...more }, credentials: "same-origin" };
  if (body instanceof Blob) {
    init.body = body;
    init.headers = { ...init.headers, "content-type": "application/octet-stream" };
  } else if (body !== undefined) {
    init.body = body instanceof Written ? body.json : JSON.stringify(body);
    init.headers = { ...init.headers, "content-type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(ROOT + path, init);
  } catch {
    throw new ApiError({ type: "about:blank", title: "unreachable", status: 0 });
  }
  if (!response.ok) {
    const error = await problemOf(response);
    if (error.status === 401 && path !== "/sign-in") onSignedOut();
    throw error;
  }
  return response;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const text = await (await exchange(method, path, body)).text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** A thing and the mark of this state of it. */
export interface Marked<T> {
  value: T;
  mark: string;
}
async function marked<T>(coming: Promise<Response>): Promise<Marked<T>> {
  const response = await coming;
  return { value: (await response.json()) as T, mark: response.headers.get("etag") ?? "" };
}
export const getMarked = <T>(path: string): Promise<Marked<T>> => marked<T>(exchange("GET", path));
/** Refused where the thing is no longer as `mark` says; without a mark whatever it is. */
export const putMarked = <T>(path: string, body: unknown, mark: string): Promise<Marked<T>> =>
  marked<T>(exchange("PUT", path, body, mark ? { "if-match": mark } : {}));

export const get = <T>(path: string): Promise<T> => call<T>("GET", path);
export const post = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("POST", path, body);
export const put = <T>(path: string, body: unknown = {}): Promise<T> => call<T>("PUT", path, body);
export const patch = <T>(path: string, body: unknown): Promise<T> => call<T>("PATCH", path, body);
export const del = <T>(path: string): Promise<T> => call<T>("DELETE", path);

/** A path of the API from parts that may hold any character. */
export function path(strings: TemplateStringsArray, ...parts: (string | number)[]): string {
  return strings.reduce((done, piece, i) => done + encodeURIComponent(String(parts[i - 1])) + piece);
}

/** A query string of what is set, with its question mark. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  const text = search.toString();
  return text && `?${text}`;
}

/** The address of a WebSocket of this server. */
export function socketUrl(pathAndQuery: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${ROOT}${pathAndQuery}`;
}
