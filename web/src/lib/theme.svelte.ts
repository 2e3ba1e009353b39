// Dark, light, or what the system says.

export type Theme = "system" | "dark" | "light";

class Appearance {
  theme = $state<Theme>((document.documentElement.dataset.theme as Theme | undefined) ?? "system");
  /** Counts changes of what is seen, chosen or the system's: a canvas draws again when it moves. */
  changes = $state(0);

  constructor() {
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => (this.changes += 1));
  }

  /** Whether the page is dark now. */
  get dark(): boolean {
    void this.changes;
    return this.theme === "dark" || (this.theme === "system" && !matchMedia("(prefers-color-scheme: light)").matches);
  }

  choose(theme: Theme): void {
    this.theme = theme;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // Not remembered, but shown.
    }
    this.changes += 1;
  }
}

export const appearance = new Appearance();
