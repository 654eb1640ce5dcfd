/** Drafts that the server does not have yet, in IndexedDB: they outlive the tab, belong to one user, and no tab takes another's. */

export interface Unsent {
  user: string;
  step: number;
  /** The tab in which it was typed, as long as that shows the same page. */
  tab: string;
  data: Record<string, unknown>;
  /** When it was typed, in milliseconds since 1970. */
  at: number;
  /** The ETag of the step that the person saw while typing. */
  version?: string;
  /** The restored draft that it was typed over, and takes the place of. */
  over?: { tab: string; at: number };
  /** What was sent over that version before, in vain or with its answer lost: meeting one of these is no conflict. */
  tried?: Record<string, unknown>[];
}

export interface Store {
  /** Every draft of a user, the oldest first. */
  all(user: string): Promise<Unsent[]>;
  put(draft: Unsent): Promise<void>;
  /** Removes a tab's draft of a step unless a newer one has taken its place. */
  remove(draft: Unsent): Promise<void>;
}

export const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const STORE = "typed";
const KEY = ["user", "step", "tab"];
const keyOf = ({ user, step, tab }: Unsent): [string, number, string] => [user, step, tab];

/** A store in IndexedDB. Drafts that were typed more than 30 days ago are dropped when it is read. */
export function indexedDbStore(now: () => number = Date.now): Store {
  let opened: Promise<IDBDatabase> | undefined;
  const closed = (): void => void (opened = undefined); // by whoever cleared the storage, say: the next draft opens it anew
  const database = (): Promise<IDBDatabase> => {
    opened ??= open(closed);
    opened.catch(closed);
    return opened;
  };
  const run = async <T>(mode: IDBTransactionMode, work: (drafts: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const transaction = (await database()).transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  };
  return {
    async all(user) {
      const found = await run("readonly", (drafts) => drafts.getAll() as IDBRequest<Unsent[]>);
      const old = found.filter((draft) => now() - draft.at > KEPT_MS);
      for (const draft of old) await run("readwrite", (drafts) => drafts.delete(keyOf(draft)));
      return found.filter((draft) => draft.user === user && !old.includes(draft)).sort((a, b) => a.at - b.at);
    },
    async put(draft) {
      await run("readwrite", (drafts) => {
        const request = drafts.put(draft);
        drafts.transaction.commit(); // now, since a page that is left before the request is answered aborts what is open
        return request;
      });
    },
    async remove(draft) {
      await run("readwrite", (drafts) => {
        const key = keyOf(draft);
        const found = drafts.get(key) as IDBRequest<Unsent | undefined>;
        found.onsuccess = () => found.result && found.result.at <= draft.at && drafts.delete(key);
        return found;
      });
    },
  };
}

function open(closed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("onboarding-drafts", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: KEY });
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = closed;
      database.onversionchange = () => {
        database.close();
        closed();
      };
      resolve(database);
    };
    request.onerror = () => reject(request.error);
  });
}

/** For where there is no IndexedDB: kept as long as the page is open. */
export function memoryStore(): Store {
  const drafts = new Map<string, Unsent>();
  const key = (draft: Unsent): string => keyOf(draft).join(" ");
  return {
    all: async (user) => [...drafts.values()].filter((draft) => draft.user === user).sort((a, b) => a.at - b.at),
    put: async (draft) => void drafts.set(key(draft), draft),
    remove: async (draft) => {
      const found = drafts.get(key(draft));
      if (found && found.at <= draft.at) drafts.delete(key(draft));
    },
  };
}
