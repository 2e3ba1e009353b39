// Times of day in a site's time zone, both ways.

function partsOf(epochMs: number, timeZone: string | undefined): { day: number; minutes: number } {
  const format = new Intl.DateTimeFormat("en-GB", { ...(timeZone ? { timeZone } : {}), hourCycle: "h23", hour: "2-digit", minute: "2-digit", day: "2-digit" });
  const parts = Object.fromEntries(format.formatToParts(epochMs).map((part) => [part.type, Number(part.value)]));
  return { day: parts["day"] ?? 0, minutes: (parts["hour"] ?? 0) * 60 + (parts["minute"] ?? 0) };
}

/** "17:30": an instant as an `<input type="time">` wants it. */
export function clockOf(instant: string, timeZone: string | undefined): string {
  const { minutes } = partsOf(Date.parse(instant), timeZone);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

/** The next instant (epoch ms) at which the site's clocks show "17:30". */
export function atNextTime(clock: string, now: number, timeZone: string | undefined): number {
  const [hours = 0, minutes = 0] = clock.split(":").map(Number);
  const wanted = hours * 60 + minutes;
  const start = now - (now % 60_000);
  const ahead = (wanted - partsOf(start, timeZone).minutes + 1440) % 1440 || 1440;
  const guess = start + ahead * 60_000;
  // A change to or from summer time in between moves the guess by that hour.
  const off = wanted - partsOf(guess, timeZone).minutes;
  return guess + (off > 720 ? off - 1440 : off < -720 ? off + 1440 : off) * 60_000;
}

/** The instant (ISO, UTC) at which the zone's calendar and clocks show "2026-11-21T17:30". */
export function instantIn(timeZone: string | undefined, local: string): string {
  const wanted = Date.parse(`${local}Z`);
  const format = new Intl.DateTimeFormat("en-GB", { ...(timeZone ? { timeZone } : {}), hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const shown = (instant: number): number => {
    const p = Object.fromEntries(format.formatToParts(instant).map((part) => [part.type, part.value]));
    return Date.parse(`${p["year"]}-${p["month"]}-${p["day"]}T${p["hour"]}:${p["minute"]}:${p["second"]}Z`);
  };
  // The second step is for a change to or from summer time between the guess and the answer.
  let instant = wanted - (shown(wanted) - wanted);
  instant -= shown(instant) - wanted;
  return new Date(instant).toISOString();
}
