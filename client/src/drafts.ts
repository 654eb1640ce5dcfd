/** Saves what is being typed: after a pause, one write at a time, kept while there is no connection, never over others. */
import type { Store, Unsent } from "./store.js";

export type Data = Record<string, unknown>;

/** What became of one attempt to save a draft. */
export type Outcome =
  | { kind: "saved"; version: number; savedAt: string }
  /** Somebody else changed the step: what the server has now. */
  | { kind: "conflict"; version: number; current: StepNow; problem: unknown }
  /** The server will not take it, however often it is sent. */
  | { kind: "refused"; problem: unknown }
  /** No answer, or one that says to come back later. */
  | { kind: "unreachable" };

/** The part of a step that a conflict is about. */
export interface StepNow {
  data: Data | null;
  draft: { data: Data; saved_at: string } | null;
}

export type DraftStatus =
  | { state: "idle" | "typing" | "saving" | "offline" }
  | { state: "saved"; savedAt: string }
  /** Another tab saved this step; nothing of ours is lost, and what is shown here is outdated. */
  | { state: "elsewhere" }
  /** Both versions, for the person to choose: nothing is sent until `resolve`. */
  | { state: "conflict"; mine: Data; theirs: StepNow; version: number; problem: unknown }
  | { state: "refused"; mine: Data; problem: unknown };

export interface DraftsOptions {
  /** Whose drafts these are. */
  user: () => Promise<string>;
  /** The version of a step that this page has seen, as its ETag. */
  seen: (step: number) => string | undefined;
  save: (draft: Unsent) => Promise<Outcome>;
  store: Store;
  /** Tells other tabs, and hears from them. */
  channel?: Pick<BroadcastChannel, "postMessage" | "addEventListener" | "close">;
  now?: () => number;
  /** Milliseconds without a keystroke until a draft is sent. */
  delay?: number;
  /** Milliseconds until an unreachable server is tried again without a word of the browser that it is online. */
  retryAfter?: number;
}

interface Entry {
  unsent?: Unsent;
  due: number;
  /** A conflict or a refusal: the person has to act first. */
  held: boolean;
  status: DraftStatus;
}

export class Drafts {
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<(step: number, status: DraftStatus) => void>();
  readonly #options: Required<Omit<DraftsOptions, "channel">> & Pick<DraftsOptions, "channel">;
  readonly #online = (): void => void this.flush();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;

  constructor(options: DraftsOptions) {
    this.#options = { now: Date.now, delay: 800, retryAfter: 10_000, ...options };
    globalThis.addEventListener?.("online", this.#online);
    options.channel?.addEventListener("message", (event) => void this.#heard((event as MessageEvent).data));
  }

  /** Takes up the drafts that an earlier visit could not send, and sends them, the oldest first. */
  async restore(): Promise<Unsent[]> {
    const found = await this.#options.store.all(await this.#options.user());
    for (const unsent of found) {
      if (!this.#entries.get(unsent.step)?.unsent) this.#set(unsent.step, { unsent, due: 0, held: false, status: { state: "offline" } });
    }
    void this.flush();
    return found;
  }

  /** Notes what is in the form of a step now. API keys are left out: they never wait in a browser. */
  async change(step: number, data: Data): Promise<void> {
    const { api_keys: _never, ...kept } = data;
    const { now, delay, store, user, seen } = this.#options;
    const before = this.#entries.get(step);
    const version = before?.unsent ? before.unsent.version : seen(step);
    const unsent: Unsent = { user: await user(), step, data: kept, at: now(), ...(version && { version }) };
    const held = before?.held ?? false;
    this.#set(step, { unsent, due: now() + delay, held, status: held ? withMine(before!.status, kept) : { state: "typing" } });
    await store.put(unsent);
    this.#wake(delay);
  }

  /** What was typed for a step and is not saved yet. */
  unsent(step: number): Data | undefined {
    return this.#entries.get(step)?.unsent?.data;
  }

  status(step: number): DraftStatus {
    return this.#entries.get(step)?.status ?? { state: "idle" };
  }

  /** Calls the listener at every change of a step's status; gives what ends that. */
  subscribe(listener: (step: number, status: DraftStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** After a conflict or a refusal: what the person decided to keep, on top of what the server has now. */
  async resolve(step: number, data: Data, version?: number): Promise<void> {
    const entry = this.#entries.get(step);
    if (entry) {
      entry.held = false;
      if (entry.unsent && version !== undefined) entry.unsent.version = `"${version}"`;
    }
    await this.change(step, data);
    await this.flush();
  }

  /** Drops what was typed for a step, here and in the store: it was completed, or the person chose the other version. */
  async drop(step: number): Promise<void> {
    const unsent = this.#entries.get(step)?.unsent;
    this.#set(step, { due: 0, held: false, status: { state: "idle" } });
    if (unsent) await this.#options.store.remove(unsent);
  }

  /** Sends nothing more of a step by itself, and waits for a write under way. */
  async settle(step: number): Promise<void> {
    const entry = this.#entries.get(step);
    if (entry) entry.due = Number.POSITIVE_INFINITY;
    await this.#running;
  }

  /** Sends everything now, the oldest first. */
  flush(): Promise<void> {
    for (const entry of this.#entries.values()) if (entry.due !== Number.POSITIVE_INFINITY) entry.due = 0;
    return this.#run();
  }

  /** Ends timers and listeners. What was not sent stays in the store. */
  close(): void {
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("online", this.#online);
    this.#options.channel?.close();
    this.#listeners.clear();
  }

  #run(): Promise<void> {
    this.#running ??= this.#sendDue().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #sendDue(): Promise<void> {
    for (let entry = this.#next(); entry?.unsent; entry = this.#next()) {
      if (!(await this.#send(entry.unsent))) {
        this.#wake(this.#options.retryAfter);
        return;
      }
    }
    const waiting = [...this.#entries.values()].filter((entry) => entry.unsent && !entry.held && Number.isFinite(entry.due));
    if (waiting.length) this.#wake(Math.max(0, Math.min(...waiting.map((entry) => entry.due)) - this.#options.now()));
  }

  #next(): Entry | undefined {
    const due = [...this.#entries.values()].filter((entry) => entry.unsent && !entry.held && entry.due <= this.#options.now());
    return due.sort((a, b) => a.unsent!.at - b.unsent!.at)[0];
  }

  /** Whether the server could be reached. */
  async #send(sent: Unsent): Promise<boolean> {
    this.#tell(sent.step, { state: "saving" });
    const outcome = await this.#options.save(sent);
    const isNewest = this.#entries.get(sent.step)?.unsent === sent;
    if (outcome.kind === "unreachable") {
      if (isNewest) this.#tell(sent.step, { state: "offline" });
      return false;
    }
    if (outcome.kind === "saved" || (outcome.kind === "conflict" && isSame(outcome.current.draft?.data, sent.data))) {
      // A conflict with what we sent ourselves: an earlier attempt was stored, and its answer was lost.
      await this.#saved(sent, outcome.version, outcome.kind === "saved" ? outcome.savedAt : outcome.current.draft!.saved_at);
      return true;
    }
    const now = this.#entries.get(sent.step);
    if (now) now.held = true;
    const mine = now?.unsent?.data ?? sent.data;
    if (outcome.kind === "conflict") {
      const { version, current: theirs, problem } = outcome;
      this.#tell(sent.step, { state: "conflict", mine, theirs, version, problem });
    } else this.#tell(sent.step, { state: "refused", mine, problem: outcome.problem });
    return true;
  }

  async #saved(sent: Unsent, version: number, savedAt: string): Promise<void> {
    const entry = this.#entries.get(sent.step);
    this.#options.channel?.postMessage({ user: sent.user, step: sent.step, version });
    if (entry?.unsent === sent) {
      delete entry.unsent;
      await this.#options.store.remove(sent);
      if (!entry.unsent) this.#tell(sent.step, { state: "saved", savedAt });
    } else if (entry?.unsent) {
      // Typed meanwhile, on top of what was just saved.
      entry.unsent.version = `"${version}"`;
      await this.#options.store.put(entry.unsent);
      this.#tell(sent.step, { state: "typing" });
    }
  }

  async #heard(message: { user: string; step: number }): Promise<void> {
    const entry = this.#entries.get(message.step);
    if (!entry?.unsent && message.user === (await this.#options.user())) this.#tell(message.step, { state: "elsewhere" });
  }

  #set(step: number, entry: Entry): void {
    this.#entries.set(step, entry);
    this.#announce(step, entry.status);
  }

  #tell(step: number, status: DraftStatus): void {
    const entry = this.#entries.get(step);
    if (entry) entry.status = status;
    else this.#entries.set(step, { due: 0, held: false, status });
    this.#announce(step, status);
  }

  #announce(step: number, status: DraftStatus): void {
    for (const listener of this.#listeners) listener(step, status);
  }

  #wake(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), milliseconds);
  }
}

function withMine(status: DraftStatus, mine: Data): DraftStatus {
  return "mine" in status ? { ...status, mine } : status;
}

/** Whether two JSON values are equal, whatever the order of members. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  const [left, right] = [one, other] as [Data, Data];
  const names = Object.keys(left);
  return Array.isArray(one) === Array.isArray(other) && names.length === Object.keys(right).length
    && names.every((name) => name in right && isSame(left[name], right[name]));
}
