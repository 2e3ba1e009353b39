// Addresses of the console: plain paths through the History API. A link that arrives as `/#/sign-in?code=...` is taken
// too: a fragment is never sent to a server, so the one-time code stays out of every log.

export interface Place {
  path: string;
  query: URLSearchParams;
}

function read(): Place {
  const address = location.hash.startsWith("#/") ? new URL(location.hash.slice(1), location.origin) : new URL(location.href);
  return { path: address.pathname.replace(/(.)\/+$/, "$1"), query: address.searchParams };
}

class Router {
  place = $state.raw<Place>(read());
  /** Counts arrivals, so that a page can move the focus to its heading. */
  arrivals = $state(0);

  constructor() {
    addEventListener("popstate", () => this.#arrive());
    addEventListener("hashchange", () => this.#arrive());
    addEventListener("click", (event) => this.#click(event));
  }

  go(to: string, replace = false): void {
    if (replace) history.replaceState(null, "", to);
    else history.pushState(null, "", to);
    this.#arrive();
  }

  /** Change the query of this place without leaving it. */
  setQuery(values: Record<string, string | null>): void {
    const next = new URLSearchParams(this.place.query);
    for (const [name, value] of Object.entries(values)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    const text = next.toString();
    history.replaceState(null, "", this.place.path + (text && `?${text}`));
    this.place = { path: this.place.path, query: next };
  }

  #arrive(): void {
    const moved = read().path !== this.place.path;
    this.place = read();
    if (moved) {
      this.arrivals += 1;
      scrollTo(0, 0);
    }
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || link.pathname.startsWith("/e/") || link.getAttribute("href")?.startsWith("#")) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();

/** The parts after `prefix`, decoded; null where the path is another's. */
export function below(prefix: string, path: string): string | null {
  return path.startsWith(prefix) && path.length > prefix.length ? decodeURIComponent(path.slice(prefix.length)) : null;
}
