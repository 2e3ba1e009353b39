// Numbers and times as people read them: site time in the site's time zone, 24 hours, tabular digits by the style sheet.

import { speech } from "./i18n.svelte";
import { LOCALES } from "./language";

class Zone {
  name = $state<string | undefined>(undefined);

  /** Use a site's IANA time zone; one that this browser doesn't know leaves the browser's own. */
  use(name: string): void {
    try {
      new Intl.DateTimeFormat("en", { timeZone: name });
      this.name = name;
    } catch {
      this.name = undefined;
    }
  }
}

export const zone = new Zone();

const numbers = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

export function num(value: number, digits = 0): string {
  const key = speech.language + digits;
  let format = numbers.get(key);
  if (!format) {
    format = new Intl.NumberFormat(LOCALES[speech.language], { minimumFractionDigits: digits, maximumFractionDigits: digits });
    numbers.set(key, format);
  }
  return format.format(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value).replace("-", "−");
}

function date(value: string | number, style: "clock" | "short" | "full" | "day"): string {
  const key = `${speech.language} ${zone.name ?? ""} ${style}`;
  let format = dates.get(key);
  if (!format) {
    const options: Intl.DateTimeFormatOptions = { hourCycle: "h23" };
    if (zone.name) options.timeZone = zone.name;
    if (style !== "day") Object.assign(options, { hour: "2-digit", minute: "2-digit" });
    if (style === "clock" || style === "full") options.second = "2-digit";
    if (style === "full" || style === "day") Object.assign(options, { day: "2-digit", month: "short" });
    if (style === "full") options.year = "numeric";
    format = new Intl.DateTimeFormat(LOCALES[speech.language], options);
    dates.set(key, format);
  }
  return format.format(new Date(value));
}

/** 10:42:07 */
export const clock = (value: string | number): string => date(value, "clock");
/** 10:42 */
export const shortTime = (value: string | number): string => date(value, "short");
/** 21 Nov 2026, 10:42:07 */
export const fullTime = (value: string | number): string => date(value, "full");

/** 10:42, or with the day where it is another day than `now`'s. */
export function timeNear(value: string | number, now: number): string {
  const day = date(value, "day");
  return day === date(now, "day") ? shortTime(value) : `${day} ${shortTime(value)}`;
}

export const kilo = (value: number, digits = 1): string => num(value / 1000, digits);

/** 812 B, 14.2 kB, 3.1 MB */
export function size(bytes: number): string {
  if (bytes < 1000) return `${num(bytes)} B`;
  return bytes < 1e6 ? `${num(bytes / 1e3, 1)} kB` : `${num(bytes / 1e6, 1)} MB`;
}

/** 1 h 20 min, 4 min, 35 s */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

const collators = new Map<string, Intl.Collator>();

/** Order of names as a person counts: 2 before 10. */
export function byName(a: string, b: string): number {
  let collator = collators.get(speech.language);
  if (!collator) {
    collator = new Intl.Collator(LOCALES[speech.language], { numeric: true });
    collators.set(speech.language, collator);
  }
  return collator.compare(a, b);
}
