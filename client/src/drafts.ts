/** Saves what is being typed: after a pause, one write at a time, kept while there is no connection, never over others. */
import { newId } from "./http.js";
import { Kept, type Typed } from "./kept.js";
import type { Store, Unsent } from "./store.js";
import { type Data, holds, isSame, type StepNow, type Versions } from "./versions.js";

/** How many of a step's versions are remembered that were sent, and may be what is stored. */
const MOST_TRIED = 5;

/** What became of one attempt to save a draft. */
export type Outcome =
  | { kind: "saved"; version: number; savedAt: string | null }
  /** Somebody else changed the step: what the server has now. */
  | { kind: "conflict"; version: number; current: StepNow; problem: unknown }
  /** The server will not take it, however often it is sent. */
  | { kind: "refused"; problem: unknown }
  /** No answer, or one that says to come back later. */
  | { kind: "unreachable" };

export type DraftStatus =
  | { state: "idle" | "typing" | "saving" | "offline" }
  | { state: "saved"; savedAt: string | null }
  /** Another tab changed this step; nothing of ours is lost, and what is shown here is outdated. */
  | { state: "elsewhere" }
  /** Both versions, for the person to choose: nothing is sent until `keepMine` or `takeTheirs`. */
  | { state: "conflict"; mine: Data; theirs: StepNow; version: number; problem: unknown }
  /** Nothing more is sent until something else is typed. */
  | { state: "refused"; mine: Data; problem: unknown };

export interface DraftsOptions {
  /** Who is signed in; rejects while that cannot be told. */
  user: () => Promise<string>;
  versions: Pick<Versions, "seen" | "see" | "forget">;
  save: (draft: Unsent, signal: AbortSignal) => Promise<Outcome>;
  store: Store;
  /** Tells other tabs, and hears from them. */
  channel?: Pick<BroadcastChannel, "postMessage" | "addEventListener" | "close">;
  now?: () => number;
  /** Milliseconds without a keystroke until a draft is sent. */
  delay?: number;
  /** Milliseconds until an unreachable server is tried again without a word of the browser that it is online. */
  retryAfter?: number;
  /** Milliseconds until a write that gets no answer is given up, so that others get their turn. It is sent again later. */
  longest?: number;
  /** Milliseconds that a form waits for the store at most: some browsers' never answers. What comes later is for the next visit. */
  patience?: number;
}

interface Entry {
  unsent?: Typed;
  /** When to send it, on a clock that nobody sets. */
  due: number;
  status: DraftStatus;
}

export class Drafts {
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<(step: number, status: DraftStatus) => void>();
  readonly #options: Required<Omit<DraftsOptions, "channel">> & Pick<DraftsOptions, "channel">;
  readonly #online = (): void => void this.flush();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | undefined;
  /** The write that is under way. */
  #writing: { step: number; done: Promise<unknown> } | undefined;
  /** The steps that are being completed or skipped, each as often as it is: nothing of them is sent meanwhile. */
  readonly #ending: number[] = [];
  #user: string | undefined;
  #restored: { user: string; found: Promise<Unsent[]> } | undefined;
  readonly #kept: Kept;
  readonly #tab = newId();
  #isClosed = false;
  #lastAt = 0;

  constructor(options: DraftsOptions) {
    this.#options = { now: Date.now, delay: 800, retryAfter: 10_000, longest: 60_000, patience: 3000, ...options };
    this.#kept = new Kept(this.#options.store, this.#options.patience);
    globalThis.addEventListener?.("online", this.#online);
    options.channel?.addEventListener("message", (event) => void this.#heard((event as MessageEvent).data));
  }

  /** Takes up the drafts that an earlier visit could not send, once for each who signs in, and sends them, the oldest first. */
  async restore(): Promise<Unsent[]> {
    const user = await this.#who();
    if (!user) return [];
    if (this.#restored?.user !== user) this.#restored = { user, found: this.#takeUp(user) };
    return this.#restored.found;
  }

  async #takeUp(user: string): Promise<Unsent[]> {
    const found = await this.#kept.read(user);
    if (this.#user !== user) return [];
    this.#kept.leave(found.filter(({ step, tab }) => this.#entries.get(step)?.unsent?.tab !== tab));
    for (const { step } of found) this.#takeNext(step);
    return found;
  }

  /** Takes up the next restored draft of a step that has none in its form. */
  #takeNext(step: number): void {
    const unsent = this.#entries.get(step)?.unsent ? undefined : this.#kept.take(step);
    if (!unsent) return;
    markTried(unsent); // perhaps, by the page that was left
    this.#set(step, { unsent, due: 0, status: { state: "offline" } });
    this.#wake(0);
  }

  /** Notes what is in the form of a step now. API keys are left out: they never wait in a browser. */
  change(step: number, data: Data): Promise<void> {
    const { api_keys: _never, ...kept } = data;
    const { now, delay, versions } = this.#options;
    const before = this.#entries.get(step);
    const version = before?.unsent ? before.unsent.version : versions.seen(step);
    this.#lastAt = Math.max(now(), this.#lastAt + 1);
    const tried = before?.unsent?.tried;
    const over = this.#kept.over(step);
    const typed = { step, tab: this.#tab, data: kept, at: this.#lastAt };
    const unsent: Typed = { ...typed, ...(version && { version }), ...(tried && { tried }), ...(over && { over }) };
    const status = before?.status.state === "conflict" ? { ...before.status, mine: kept } : { state: "typing" as const };
    this.#set(step, { unsent, due: performance.now() + delay, status });
    this.#wake(delay);
    return this.#keep(unsent);
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

  /** After a conflict: the person's own version stays, or what they made of both. It is saved over the other one. */
  async keepMine(step: number, data?: Data): Promise<void> {
    const entry = this.#entries.get(step);
    if (entry?.status.state !== "conflict") return;
    const { version, mine } = entry.status;
    if (entry.unsent) entry.unsent.version = `"${version}"`;
    entry.status = { state: "typing" };
    void this.change(step, data ?? mine);
    await this.flush();
  }

  /** After a conflict: what the server has stays, and is given back to be shown. */
  async takeTheirs(step: number): Promise<StepNow | undefined> {
    const status = this.status(step);
    if (status.state !== "conflict") return undefined;
    this.#options.versions.see(step, status.version);
    await this.drop(step);
    return status.theirs;
  }

  /** Drops what was typed for a step, here and in the store. */
  async drop(step: number): Promise<void> {
    const unsent = this.#entries.get(step)?.unsent;
    this.#set(step, { due: 0, status: { state: "idle" } });
    if (unsent) await this.#kept.soon(this.#settle(unsent));
  }

  /**
   * Runs what finishes a step: its draft is not sent meanwhile. What had been typed when it began is dropped afterwards, as
   * the server drops its draft; what was typed since is sent on top, and all of it where the server `keeps` its draft.
   * The work hears who was signed in when it began, and is to be done for nobody else.
   */
  async ending<T extends { response: Response }>(step: number, work: (user?: string) => Promise<T>, keeps = false): Promise<T> {
    const user = this.#user;
    const finished = keeps ? undefined : this.#entries.get(step)?.unsent;
    markTried(this.#entries.get(step)?.unsent);
    this.#ending.push(step);
    try {
      if (this.#writing?.step === step) await this.#writing.done;
      const result = await work(user);
      if (result.response.ok) await this.#ended(step, finished, user ?? this.#user);
      return result;
    } finally {
      this.#ending.splice(this.#ending.indexOf(step), 1);
      this.#resume(step);
    }
  }

  /** Sends everything now, the oldest first. */
  flush(): Promise<void> {
    for (const entry of this.#entries.values()) entry.due = 0;
    return this.#run();
  }

  /** Ends timers and listeners. What was not sent stays in the store. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("online", this.#online);
    this.#options.channel?.close();
    this.#listeners.clear();
  }

  /** Takes note of who is signed in: what somebody else typed is not shown any more. It stays in the store. */
  become(user: string): void {
    const before = this.#user;
    this.#user = user;
    if (before === undefined || before === user) return;
    this.#options.versions.forget();
    this.#restored = undefined;
    this.#kept.forget();
    for (const [step, { unsent }] of this.#entries) {
      if (!unsent || (unsent.user ?? user) !== user) this.#set(step, { due: 0, status: { state: "idle" } });
    }
  }

  /** The user, or the last one that was known: offline, no new token can be had. */
  async #who(): Promise<string | undefined> {
    try {
      this.become(await this.#options.user());
    } catch {
      // still the one before
    }
    return this.#user;
  }

  /** Stores what was typed. Where a browser does not let us, it is kept as long as the page is open. */
  async #keep(unsent: Typed): Promise<void> {
    const user = unsent.user ?? (await this.#typist());
    if (!user || this.#entries.get(unsent.step)?.unsent !== unsent) return;
    unsent.user = user;
    await this.#kept.put({ ...unsent, user }, unsent);
  }

  /** As `#who`, but the last one that was known where a token is not at hand: the page may be left before there is one. */
  #typist(): Promise<string | undefined> {
    const known = this.#user;
    const asked = this.#who();
    return known ? Promise.race([asked, new Promise<string>((resolve) => setTimeout(resolve, 0, known))]) : asked;
  }

  /** Removes what a step's form had, with what it was typed over, and shows what else there is. */
  async #settle(unsent: Typed): Promise<void> {
    const settled = this.#kept.settle(unsent);
    this.#takeNext(unsent.step);
    await settled;
  }

  async #ended(step: number, finished: Typed | undefined, user: string | undefined): Promise<void> {
    if (user !== this.#user) return this.#kept.soon(this.#kept.release(finished)); // the form is somebody else's now
    this.#tellTabs(step);
    const unsent = this.#entries.get(step)?.unsent;
    if (!unsent || unsent === finished) await this.drop(step);
    else this.#rebase(unsent, this.#options.versions.seen(step));
  }

  #resume(step: number): void {
    const entry = this.#entries.get(step);
    if (entry?.unsent) {
      entry.due = 0;
      this.#wake(0);
    }
  }

  #run(): Promise<void> {
    this.#running ??= this.#sendDue().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #sendDue(): Promise<void> {
    const user = await this.#options.user().catch(() => undefined);
    if (user === undefined) return this.#wake(this.#options.retryAfter);
    this.become(user);
    for (let next = this.#next(user); next && this.#user === user && !this.#isClosed; next = this.#next(user)) {
      const done = this.#send(next, user);
      this.#writing = { step: next.step, done };
      await done;
    }
    this.#writing = undefined;
    const next = Math.min(...this.#waiting(user).map(({ due }) => due));
    if (Number.isFinite(next)) this.#wake(Math.max(0, next - performance.now()));
  }

  /** What may be sent: nobody's decision is awaited, its step is not being finished, and the user who typed it is signed in. */
  #waiting(user: string): (Entry & { unsent: Typed })[] {
    const open = (entry: Entry): entry is Entry & { unsent: Typed } =>
      entry.unsent !== undefined &&
      !["conflict", "refused"].includes(entry.status.state) &&
      !this.#ending.includes(entry.unsent.step) &&
      (entry.unsent.user ?? user) === user;
    return [...this.#entries.values()].filter(open);
  }

  #next(user: string): Typed | undefined {
    const due = this.#waiting(user).filter((entry) => entry.due <= performance.now());
    return due.map(({ unsent }) => unsent).sort((a, b) => a.at - b.at)[0];
  }

  async #send(unsent: Typed, user: string): Promise<void> {
    unsent.user = user;
    const { step, data } = unsent;
    markTried(unsent);
    this.#tell(step, { state: "saving" });
    const outcome = await this.#options.save({ ...unsent, user }, AbortSignal.timeout(this.#options.longest));
    const entry = this.#entries.get(step);
    const newest = entry?.unsent;
    if (this.#user !== user) {
      if (outcome.kind === "saved") void this.#kept.release(unsent);
    } else if (outcome.kind === "unreachable") {
      if (entry && newest === unsent) {
        entry.due = performance.now() + this.#options.retryAfter;
        this.#tell(step, { state: "offline" });
      }
    } else if (outcome.kind === "saved") this.#saved(unsent, outcome.version, outcome.savedAt);
    else if (outcome.kind === "conflict") {
      const { version, current: theirs, problem } = outcome;
      const mine = newest?.data ?? data;
      if (!theirs.draft && holds(theirs.data, mine)) this.#isFinished(step, version);
      else if (newest?.tried?.some((one) => isSame((theirs.draft ?? theirs).data, one))) this.#onTop(newest, version);
      else this.#tell(step, { state: "conflict", mine, theirs, version, problem });
    } else if (newest === unsent) this.#tell(step, { state: "refused", mine: unsent.data, problem: outcome.problem });
  }

  #saved(sent: Typed, version: number, savedAt: string | null): void {
    const entry = this.#entries.get(sent.step);
    this.#tellTabs(sent.step);
    if (entry?.unsent === sent) {
      delete entry.unsent;
      void this.#settle(sent);
      if (!this.#entries.get(sent.step)?.unsent) this.#tell(sent.step, { state: "saved", savedAt });
    } else if (entry?.unsent) {
      this.#tell(sent.step, { state: "typing" });
      this.#rebase(entry.unsent, `"${version}"`);
    }
  }

  /** The step was completed with all of this, here with the answer lost, or in another tab: there is nothing left to save. */
  #isFinished(step: number, version: number): void {
    this.#options.versions.see(step, version);
    void this.drop(step);
  }

  /** The version that was met is a write of this page or the one before whose answer was lost: what was typed since goes on top of it now. */
  #onTop(unsent: Typed, version: number): void {
    this.#set(unsent.step, { unsent, due: 0, status: { state: "typing" } });
    this.#rebase(unsent, `"${version}"`);
  }

  /** What was typed while a write was under way goes on top of what that write stored; without its version, of what is read. */
  #rebase(unsent: Typed, version: string | undefined): void {
    if (version) unsent.version = version;
    else delete unsent.version;
    delete unsent.tried;
    void this.#keep(unsent);
  }

  #tellTabs(step: number): void {
    if (!this.#isClosed) this.#options.channel?.postMessage({ user: this.#user, step });
  }

  async #heard(message: { user: string; step: number }): Promise<void> {
    if (message.user === (await this.#who()) && !this.#entries.get(message.step)?.unsent) this.#tell(message.step, { state: "elsewhere" });
  }

  #set(step: number, entry: Entry): void {
    this.#entries.set(step, entry);
    this.#announce(step, entry.status);
  }

  #tell(step: number, status: DraftStatus): void {
    const entry = this.#entries.get(step);
    if (entry) entry.status = status;
    else this.#entries.set(step, { due: 0, status });
    this.#announce(step, status);
  }

  #announce(step: number, status: DraftStatus): void {
    for (const listener of this.#listeners) listener(step, status);
  }

  #wake(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#run(), milliseconds);
  }
}

/** Notes that a step's text is sent now, and may be what is stored where no answer comes. */
function markTried(unsent: Typed | undefined): void {
  if (unsent) unsent.tried = [...(unsent.tried ?? []).filter((one) => one !== unsent.data), unsent.data].slice(-MOST_TRIED);
}
