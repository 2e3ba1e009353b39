// The console's words. English is the type: a key that German lacks fails `npm run check`.

import de from "../locales/de.json";
import en from "../locales/en.json";
import { fill, isLanguage, type Language, pick } from "./language";

export type Key = keyof typeof en;
const WORDS: Record<Language, Record<Key, string>> = { en, de };

function remembered(): Language {
  try {
    const stored = localStorage.getItem("language");
    if (isLanguage(stored)) return stored;
  } catch {
    // Storage may be forbidden: the browser's languages hold.
  }
  return pick(navigator.languages ?? [navigator.language]);
}

class Speech {
  language = $state<Language>(remembered());

  choose(language: Language): void {
    this.language = language;
    try {
      localStorage.setItem("language", language);
    } catch {
      // Not remembered, but spoken.
    }
  }
}

export const speech = new Speech();

/** A text in the chosen language, its `{names}` filled. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return fill(WORDS[speech.language][key], values);
}

/** One of two texts by number; `{n}` is the number. */
export function plural(n: number, one: Key, many: Key): string {
  return t(n === 1 ? one : many, { n });
}

/** The text of a key that is made of a station's or a server's word, or `otherwise` where we have none for it. */
export function wordFor(key: string, otherwise: string): string {
  return key in en ? t(key as Key) : otherwise;
}
