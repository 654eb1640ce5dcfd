/** What was typed and is not saved, as the device keeps it: what earlier visits left, and what is in the forms now. */
import { pause } from "./http.js";
import type { Store, Unsent } from "./store.js";

/** What was typed; whose it is becomes known a moment later. */
export type Typed = Omit<Unsent, "user"> & { user?: string };

export class Kept {
  readonly #store: Store;
  readonly #patience: number;
  /** What was restored and waits for another draft of its step: each is sent, or met as a conflict, by itself. */
  #left: Unsent[] = [];
  /** What is in a step's form, or was before something was typed over it. */
  readonly #taken = new Map<number, Unsent>();

  /** `patience` is how many milliseconds the store is waited for at most: some browsers' never answers. */
  constructor(store: Store, patience: number) {
    this.#store = store;
    this.#patience = patience;
  }

  /** What a user's earlier visits could not send, the oldest first, but for what was typed over since. */
  async read(user: string): Promise<Unsent[]> {
    const found = (await this.soon(this.#store.all(user).catch(() => []))) ?? [];
    const isOutdated = ({ step, tab, at }: Unsent): boolean =>
      found.some((one) => one.step === step && one.over?.tab === tab && one.over.at >= at);
    for (const one of found.filter(isOutdated)) void this.release(one);
    return found.filter((one) => !isOutdated(one));
  }

  /** Holds drafts that were read until `take` asks for them. */
  leave(found: Unsent[]): void {
    this.#left = found;
  }

  /** The next draft that was left for a step, to be shown in its form. */
  take(step: number): Unsent | undefined {
    const unsent = this.#left.find((one) => one.step === step);
    if (unsent) {
      this.#left = this.#left.filter((one) => one !== unsent);
      this.#taken.set(step, unsent);
    }
    return unsent;
  }

  /** Which restored draft is typed over in a step's form. */
  over(step: number): Unsent["over"] {
    const taken = this.#taken.get(step);
    return taken && { tab: taken.tab, at: taken.at };
  }

  /** Stores what was typed, in the place of what it was typed over. Where a browser does not let us, only the page has it. */
  async put(unsent: Unsent, typed: Typed): Promise<void> {
    const isKept = await this.#store.put(unsent).then(() => true, () => false);
    const taken = this.#taken.get(unsent.step);
    if (isKept && taken !== typed) await this.release(taken);
  }

  /** Removes a draft that is saved, or outdated. */
  async release(unsent: Typed | undefined): Promise<void> {
    if (unsent && this.#taken.get(unsent.step) === unsent) this.#taken.delete(unsent.step);
    if (unsent?.user) await this.#store.remove(unsent as Unsent).catch(() => undefined);
  }

  /** Removes a draft with what it was typed over. */
  async settle(unsent: Typed): Promise<void> {
    await Promise.all([unsent, this.#taken.get(unsent.step)].map((one) => this.release(one)));
  }

  /** Lets go of what is in the forms: somebody else is signed in. It stays in the store. */
  forget(): void {
    this.#left = [];
    this.#taken.clear();
  }

  /** What the store gives, or nothing where it does not answer: no person and no request waits for it for ever. */
  async soon<T>(work: Promise<T>): Promise<T | undefined> {
    const late = new AbortController();
    const wait = pause(this.#patience, late.signal).catch(() => undefined);
    return Promise.race([work, wait as Promise<undefined>]).finally(() => late.abort());
  }
}
