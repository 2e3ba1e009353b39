// Who is signed in, and what they may do.

import { forgetAll } from "./actions";
import { ApiError, get, post, whenSignedOut } from "./api";
import { t } from "./i18n.svelte";
import { toasts } from "./toasts.svelte";
import type { MeView, Permission } from "./types";

class Session {
  me = $state.raw<MeView | null>(null);
  state = $state<"unknown" | "in" | "out" | "unreachable">("unknown");

  constructor() {
    whenSignedOut(() => {
      this.me = null;
      this.state = "out";
    });
  }

  may(permission: Permission): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  async check(): Promise<void> {
    try {
      this.me = await get<MeView>("/me");
      this.state = "in";
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) this.state = "unreachable";
    }
  }

  async signIn(code: string): Promise<void> {
    await post("/sign-in", { code });
    await this.check();
  }

  async signOut(): Promise<void> {
    await post("/sign-out");
    forgetAll();
    this.me = null;
    this.state = "out";
  }
}

export const session = new Session();

/** What went wrong, in words: the server's own, with its remedy; or that it could not be reached. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return t("error.unreachable");
  const fields = error.errors.map((field) => `${field.where}: ${field.what}`).join("; ");
  return [error.message, fields, error.remedy].filter(Boolean).join(" ");
}

/** Do something that may fail; say so when it does. True when it did not. */
export async function attempt(action: () => Promise<unknown>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    toasts.complain(explain(error));
    return false;
  }
}
