// The driver's page speaks the browser's language; both are small enough to travel together.

import { fill, type Language, LOCALES, pick } from "../lib/language";
import de from "../locales/driver.de.json";
import en from "../locales/driver.en.json";

export type Key = keyof typeof en;
const WORDS: Record<Language, Record<Key, string>> = { en, de };

export const say = fill;

export function speak() {
  const language = pick(navigator.languages ?? [navigator.language]);
  const words = WORDS[language];
  const locale = LOCALES[language];
  const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(locale, { weekday: "short" });
  return {
    language,
    t: (key: Key): string => words[key],
    number: (value: number, digits: number) => value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    /** A time of day, with the weekday where it is not the day of `now`. */
    time(instant: string, now: string): string {
      const [then, today] = [new Date(instant), new Date(now)];
      return then.toDateString() === today.toDateString() ? clock.format(then) : `${day.format(then)} ${clock.format(then)}`;
    },
  };
}
