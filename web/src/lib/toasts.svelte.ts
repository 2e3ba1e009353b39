// Short words about what was done, with a way back where there is one.

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  undo?: () => void;
}

const LASTS_MS = 8_000;
const UNDO_LASTS_MS = 15_000;

class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;

  say(text: string, undo?: () => void): void {
    this.#add({ id: this.#next++, text, bad: false, ...(undo ? { undo } : {}) }, undo ? UNDO_LASTS_MS : LASTS_MS);
  }

  complain(text: string): void {
    this.#add({ id: this.#next++, text, bad: true }, UNDO_LASTS_MS);
  }

  drop(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(toast: Toast, lastsMs: number): void {
    this.list = [...this.list.slice(-2), toast];
    setTimeout(() => this.drop(toast.id), lastsMs);
  }
}

export const toasts = new Toasts();
