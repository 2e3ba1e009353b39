// Which of our languages a browser asks for. Its list may hold what Intl refuses ("en-US@posix" under LANG=C).

export const LANGUAGES = ["en", "de"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Locales that dates and numbers are written in: a 24-hour clock in both. */
export const LOCALES: Record<Language, string> = { en: "en-GB", de: "de-DE" };

export function isLanguage(value: unknown): value is Language {
  return (LANGUAGES as readonly unknown[]).includes(value);
}

/** The first of `wanted` that we speak; English where none is. */
export function pick(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = tag.slice(0, 2).toLowerCase();
    if (isLanguage(language)) return language;
  }
  return "en";
}

/** Fill `{name}` in a text. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
