import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts, type DraftsOptions, type Outcome } from "../src/drafts.js";
import { indexedDbStore, KEPT_MS, type Store, type Unsent } from "../src/store.js";
import { until } from "./server.js";

let users = 0;

/** A person at a page, with a server that answers as the test says. */
function person(options: Partial<DraftsOptions> = {}) {
  const user = `user_${(users += 1)}`;
  const sent: Unsent[] = [];
  const noted: [number, number][] = [];
  const store = options.store ?? indexedDbStore();
  let version = 0;
  const server = { answer: async (_draft: Unsent): Promise<Outcome> => ({ kind: "saved", version: (version += 1), savedAt: "now" }) };
  const drafts = new Drafts({
    user: async () => user,
    versions: { seen: () => undefined, see: (step, number) => void noted.push([step, number]), forget: () => {} },
    save: async (draft) => {
      sent.push(structuredClone(draft));
      return server.answer(draft);
    },
    store,
    delay: 20,
    retryAfter: 60_000,
    ...options,
  });
  return { user, drafts, sent, noted, store, server };
}

const saved = (drafts: Drafts, step: number) => () => drafts.status(step).state === "saved";

test("what is typed is sent after a pause, once", async () => {
  const { drafts, sent } = person();
  const kept = ["B", "Br", "Bread"].map((text) => drafts.change(2, { text }));
  assert.equal(drafts.status(2).state, "typing");
  await Promise.all(kept);
  await until(saved(drafts, 2));
  assert.deepEqual(sent.map(({ data }) => data), [{ text: "Bread" }]);
  drafts.close();
});

test("one write is under way at a time, and what was typed meanwhile follows on top of its version", async () => {
  const { drafts, sent, server } = person();
  const waiting: (() => void)[] = [];
  server.answer = (draft) =>
    new Promise((resolve) => waiting.push(() => resolve({ kind: "saved", version: 10 + sent.indexOf(draft) + sent.length, savedAt: "now" })));
  await drafts.change(2, { text: "one" });
  await until(() => sent.length === 1);
  await drafts.change(2, { text: "two" });
  await drafts.change(2, { text: "three" });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(sent.length, 1);
  waiting.shift()!();
  await until(() => sent.length === 2);
  assert.deepEqual([sent[1]!.data, sent[1]!.version], [{ text: "three" }, '"10"']);
  waiting.shift()!();
  await until(saved(drafts, 2));
  drafts.close();
});

test("a write that never gets an answer is given up, and holds back neither the others nor a completion", async () => {
  const saving: number[] = [];
  const { drafts } = person({
    longest: 30,
    save: ({ step }, signal) => {
      saving.push(step);
      if (step === 3) return Promise.resolve({ kind: "saved", version: 1, savedAt: "now" });
      return new Promise((resolve) => {
        const open = setTimeout(() => assert.fail("nobody hangs up"), 5000); // as a socket, it keeps the process running
        signal.addEventListener("abort", () => {
          clearTimeout(open);
          resolve({ kind: "unreachable" });
        });
      });
    },
  });
  await drafts.change(2, { text: "on a dead line" });
  await until(() => saving.length === 1);
  await drafts.change(3, { text: "on a good one" });
  await drafts.ending(2, answer(200));
  await until(saved(drafts, 3));
  assert.deepEqual(saving, [2, 3]);
  drafts.close();
});

test("while there is no connection drafts are kept, and sent in order when it is back", async () => {
  const { user, drafts, sent, store, server } = person();
  server.answer = async () => ({ kind: "unreachable" });
  await drafts.change(3, { text: "first" });
  await new Promise((resolve) => setTimeout(resolve, 2));
  await drafts.change(2, { text: "second" });
  await until(() => drafts.status(3).state === "offline");
  assert.deepEqual((await store.all(user)).map(({ step }) => step), [3, 2]);
  sent.length = 0;
  server.answer = async () => ({ kind: "saved", version: 1, savedAt: "now" });
  await drafts.flush();
  assert.deepEqual(sent.map(({ step }) => step), [3, 2]);
  assert.deepEqual(await store.all(user), []);
  drafts.close();
});

test("a later visit takes up what an earlier one could not send, of the same user alone", async () => {
  const first = person();
  first.server.answer = async () => ({ kind: "unreachable" });
  await first.drafts.change(2, { text: "typed on a train" });
  await first.drafts.flush();
  first.drafts.close();
  const stranger = person();
  assert.deepEqual(await stranger.drafts.restore(), []);
  const again = person({ user: async () => first.user });
  assert.deepEqual((await again.drafts.restore()).map(({ data }) => data), [{ text: "typed on a train" }]);
  await until(saved(again.drafts, 2));
  assert.deepEqual(await again.store.all(first.user), []);
  stranger.drafts.close();
  again.drafts.close();
});

test("API keys are never kept and never sent as a draft", async () => {
  const { user, drafts, sent, store, server } = person();
  server.answer = async () => ({ kind: "unreachable" });
  await drafts.change(1, { api_keys: { openai: "sk-secret" }, note: "mine" });
  await drafts.flush();
  assert.deepEqual((await store.all(user)).map(({ data }) => data), [{ note: "mine" }]);
  assert.ok(!JSON.stringify(sent).includes("sk-secret"));
  drafts.close();
});

test("after 30 days a draft that was never sent is dropped", async () => {
  const { user, drafts, server } = person();
  server.answer = async () => ({ kind: "unreachable" });
  await drafts.change(2, { text: "old" });
  await drafts.flush();
  assert.deepEqual(await indexedDbStore(() => Date.now() + KEPT_MS + 1000).all(user), []);
  assert.deepEqual(await indexedDbStore().all(user), []);
  drafts.close();
});

const THEIRS = { status: "in_progress", data: null, draft: { data: { text: "theirs" }, saved_at: "then" } };

test("a conflict is handed over with both versions, and nothing is sent until the person chose", async () => {
  const { drafts, sent, server } = person();
  server.answer = async () => ({ kind: "conflict", version: 8, current: THEIRS, problem: { code: "version_conflict" } });
  await drafts.change(2, { text: "mine" });
  await until(() => drafts.status(2).state === "conflict");
  const status = drafts.status(2);
  assert.deepEqual(status.state === "conflict" && [status.mine, status.theirs], [{ text: "mine" }, THEIRS]);
  await drafts.change(2, { text: "mine, longer" });
  await drafts.flush();
  assert.equal(sent.length, 1);
  server.answer = async () => ({ kind: "saved", version: 9, savedAt: "now" });
  await drafts.keepMine(2, { text: "both" });
  assert.deepEqual([sent[1]!.data, sent[1]!.version], [{ text: "both" }, '"8"']);
  assert.equal(drafts.status(2).state, "saved");
  drafts.close();
});

test("what a page meets of its own, whose answer was lost, is no conflict, in this visit or the next", async () => {
  for (const reopens of [false, true]) {
    const { user, drafts, server, store } = person({ delay: 60_000 });
    server.answer = async () => ({ kind: "unreachable" });
    await drafts.change(2, { text: "stored", list: [1] });
    await drafts.flush();
    assert.equal(drafts.status(2).state, "offline");
    await drafts.change(2, { text: "stored, and more", list: [1] });
    if (reopens) drafts.close();
    const again = reopens ? person({ user: async () => user, store }) : { drafts, server };
    const versions: unknown[] = [];
    const current = { status: "in_progress", data: null, draft: { data: { list: [1], text: "stored" }, saved_at: "then" } };
    again.server.answer = async ({ version }) => {
      versions.push(version);
      return version === '"1"' ? { kind: "saved", version: 2, savedAt: "now" } : { kind: "conflict", version: 1, current, problem: {} };
    };
    await again.drafts.restore();
    await again.drafts.flush();
    await until(saved(again.drafts, 2));
    assert.deepEqual(versions, [undefined, '"1"']);
    again.drafts.close();
  }
});

test("a completion whose answer was lost is no conflict, where the step has all that was typed", async () => {
  const { user, drafts, noted, sent, server, store } = person({ delay: 60_000 });
  const current = { status: "completed", data: { text: "whole", more: 1 }, draft: null };
  server.answer = async () => ({ kind: "conflict", version: 4, current, problem: {} });
  await drafts.change(2, { text: "whole" });
  await drafts.ending(2, () => Promise.reject(new TypeError("no answer"))).catch(() => undefined);
  await until(() => sent.length === 1 && drafts.status(2).state === "idle");
  assert.deepEqual([noted, drafts.unsent(2), await store.all(user)], [[[2, 4]], undefined, []]);
  await drafts.change(2, { text: "whole, and more" });
  await drafts.flush();
  assert.equal(drafts.status(2).state, "conflict");
  drafts.close();
});

test("what is typed after a completion whose answer was lost goes on top of it, in this visit or the next", async () => {
  for (const reopens of [false, true]) {
    const { user, drafts, store, server } = person({ delay: 60_000 });
    await drafts.change(2, { text: "whole" });
    const lost = drafts.ending(2, () => Promise.reject(new TypeError("no answer"))).catch(() => undefined);
    if (reopens) drafts.close();
    const again = reopens ? person({ user: async () => user, store, delay: 60_000 }) : { drafts, server };
    again.server.answer = async ({ version }) =>
      version === '"4"'
        ? { kind: "saved", version: 5, savedAt: "now" }
        : { kind: "conflict", version: 4, current: { status: "completed", data: { text: "whole" }, draft: null }, problem: {} };
    await again.drafts.restore();
    await again.drafts.change(2, { text: "whole, and more" });
    await lost;
    await again.drafts.flush();
    assert.equal(again.drafts.status(2).state, "saved");
    again.drafts.close();
  }
});

test("what was typed over a restored draft takes its place, though the page is left in that moment", async () => {
  const first = person({ now: () => Date.now() - 1000 });
  await first.drafts.change(2, { text: "one" });
  first.drafts.close();
  const left = { ...first.store, remove: () => new Promise<never>(() => {}) };
  const second = person({ user: async () => first.user, store: left, save: () => new Promise(() => {}) });
  await second.drafts.restore();
  void second.drafts.change(2, { text: "two" });
  second.drafts.close();
  const third = person({ user: async () => first.user });
  await third.drafts.restore();
  assert.deepEqual(third.drafts.unsent(2), { text: "two" });
  await until(saved(third.drafts, 2));
  assert.deepEqual(await first.store.all(first.user), []);
  third.drafts.close();
});

test("whoever takes the other version sees it, and goes on from there", async () => {
  const { user, drafts, sent, noted, store, server } = person();
  server.answer = async () => ({ kind: "conflict", version: 8, current: THEIRS, problem: {} });
  await drafts.change(2, { text: "mine" });
  await until(() => drafts.status(2).state === "conflict");
  assert.deepEqual(await drafts.takeTheirs(2), THEIRS);
  assert.deepEqual(noted, [[2, 8]]);
  assert.deepEqual([drafts.unsent(2), drafts.status(2).state, await store.all(user)], [undefined, "idle", []]);
  await drafts.flush();
  assert.equal(sent.length, 1);
  drafts.close();
});

test("a refused draft stays in the store, and is not sent again by itself", async () => {
  const { user, drafts, sent, store, server } = person();
  server.answer = async () => ({ kind: "refused", problem: { code: "payload_too_large" } });
  await drafts.change(2, { text: "too much" });
  await until(() => drafts.status(2).state === "refused");
  await drafts.flush();
  assert.equal(sent.length, 1);
  assert.equal((await store.all(user)).length, 1);
  drafts.close();
});

const answer = (status: number) => async () => ({ response: new Response(null, { status }) });

test("completing a step waits for a write under way, sends nothing meanwhile and drops the draft", async () => {
  const { user, drafts, sent, store, server } = person();
  let arrived = (): void => {};
  server.answer = () => new Promise((resolve) => (arrived = () => resolve({ kind: "saved", version: 1, savedAt: "now" })));
  await drafts.change(2, { text: "half" });
  await until(() => sent.length === 1);
  await drafts.change(2, { text: "whole" });
  let completed = false;
  const ending = drafts.ending(2, async () => {
    completed = true;
    return answer(200)();
  });
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(completed, false);
  arrived();
  await ending;
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(sent.length, 1);
  assert.deepEqual([drafts.status(2).state, await store.all(user)], ["idle", []]);
  drafts.close();
});

test("a completion that is refused or gets no answer leaves the draft, and it is saved", async () => {
  for (const work of [answer(422), () => Promise.reject(new TypeError("no answer"))]) {
    const { drafts, sent } = person({ delay: 60_000 });
    await drafts.change(2, { text: "kept" });
    await drafts.ending(2, work).catch(() => undefined);
    await until(saved(drafts, 2));
    assert.equal(sent.length, 1);
    drafts.close();
  }
});

test("what is typed while a step is being completed is not lost", async () => {
  const { drafts, sent } = person({ delay: 60_000 });
  await drafts.change(2, { text: "complete this" });
  await drafts.ending(2, async () => {
    await drafts.change(2, { text: "and this" });
    return answer(200)();
  });
  await until(saved(drafts, 2));
  assert.deepEqual(sent.map(({ data }) => data), [{ text: "and this" }]);
  drafts.close();
});

test("what is typed after Save was pressed, while a draft is still on its way, is not lost with the draft", async () => {
  const { drafts, sent, server } = person();
  let arrived = (): void => {};
  server.answer = () => new Promise((resolve) => (arrived = () => resolve({ kind: "saved", version: 1, savedAt: "now" })));
  await drafts.change(2, { text: "half" });
  await until(() => sent.length === 1);
  const ending = drafts.ending(2, answer(200));
  await drafts.change(2, { text: "half, and more" });
  server.answer = async () => ({ kind: "saved", version: 3, savedAt: "now" });
  arrived();
  await ending;
  await until(saved(drafts, 2));
  assert.deepEqual(sent.map(({ data }) => data), [{ text: "half" }, { text: "half, and more" }]);
  drafts.close();
});

test("what is typed while a step is being completed is sent after that, on top of it", async () => {
  const { drafts, sent } = person({ versions: { seen: () => '"5"', see: () => {}, forget: () => {} } });
  let arrived = (): void => {};
  const ending = drafts.ending(2, () => new Promise<{ response: Response }>((resolve) => (arrived = () => resolve({ response: new Response() }))));
  await drafts.change(2, { text: "typed meanwhile" });
  await new Promise((resolve) => setTimeout(resolve, 60));
  await drafts.flush();
  assert.deepEqual(sent, []);
  arrived();
  await ending;
  await until(saved(drafts, 2));
  assert.deepEqual(sent.map(({ data, version }) => [data, version]), [[{ text: "typed meanwhile" }, '"5"']]);
  drafts.close();
});

test("a step that ends while another one's draft is on its way does not wait for that", async () => {
  const { drafts, sent, server } = person();
  server.answer = () => new Promise(() => {});
  await drafts.change(3, { text: "on a slow line" });
  await until(() => sent.length === 1);
  assert.equal((await drafts.ending(2, answer(200))).response.status, 200);
  drafts.close();
});

test("what was typed into a step that is skipped is saved on top of that, as the server keeps its draft", async () => {
  const { drafts, sent } = person({ delay: 60_000, versions: { seen: () => '"6"', see: () => {}, forget: () => {} } });
  await drafts.change(4, { text: "on second thoughts" });
  await drafts.ending(4, answer(200), true);
  await until(saved(drafts, 4));
  assert.deepEqual(sent.map(({ data, version }) => [data, version]), [[{ text: "on second thoughts" }, '"6"']]);
  drafts.close();
});

test("a device whose clock is set back still sends what was typed", async () => {
  let clock = 1_800_000_000_000;
  const { drafts, sent } = person({ now: () => clock });
  await drafts.change(2, { text: "typed at noon" });
  clock -= 3_600_000;
  await until(saved(drafts, 2));
  assert.equal(sent.length, 1);
  drafts.close();
});

test("a draft that the server cannot take now holds back no other step's", async () => {
  const { drafts, server } = person();
  let saves = 0;
  server.answer = async ({ step }) => (step === 2 ? { kind: "unreachable" } : { kind: "saved", version: (saves += 1), savedAt: "now" });
  await drafts.change(2, { text: "breaks the server" });
  await drafts.change(3, { text: "does not" });
  await until(saved(drafts, 3));
  assert.equal(drafts.status(2).state, "offline");
  drafts.close();
});

test("what is typed is kept at once, though it takes long to get a token", async () => {
  const user = `user_${(users += 1)}`;
  let isSlow = false;
  const { drafts, store } = person({ user: () => (isSlow ? new Promise(() => {}) : Promise.resolve(user)), delay: 60_000 });
  await drafts.restore();
  isSlow = true;
  await drafts.change(2, { text: "typed after a night's sleep" });
  assert.deepEqual((await store.all(user)).map(({ data }) => data), [{ text: "typed after a night's sleep" }]);
  drafts.close();
});

test("of two tabs that are closed without a connection neither loses its text, and the person chooses", async () => {
  const one = person({ now: () => Date.now() - 1000, delay: 60_000 });
  const two = person({ user: async () => one.user, delay: 60_000 });
  for (const [index, { drafts }] of [one, two].entries()) {
    await drafts.change(2, { text: `of tab ${index}` });
    drafts.close();
  }
  const later = person({ user: async () => one.user });
  later.server.answer = async ({ data }) =>
    data.text === "of tab 0" ? { kind: "saved", version: 1, savedAt: "now" } : { kind: "conflict", version: 1, current: THEIRS, problem: {} };
  await later.drafts.restore();
  await until(() => later.drafts.status(2).state === "conflict");
  assert.deepEqual(later.sent.map(({ data }) => data), [{ text: "of tab 0" }, { text: "of tab 1" }]);
  assert.deepEqual(later.drafts.unsent(2), { text: "of tab 1" });
  await later.drafts.takeTheirs(2);
  await until(async () => (await later.store.all(one.user)).length === 0);
  later.drafts.close();
});

test("a store that never answers keeps no form waiting, and loses nothing to what is typed meanwhile", async () => {
  const first = person();
  first.server.answer = async () => ({ kind: "unreachable" });
  await first.drafts.change(2, { text: "typed yesterday" });
  first.drafts.close();
  const never = (): Promise<never> => new Promise(() => {});
  const store = { all: never, put: never, remove: never };
  const stuck = person({ user: async () => first.user, store, patience: 20 });
  assert.deepEqual(await stuck.drafts.restore(), []);
  for (const text of ["typed today", "and more"]) {
    void stuck.drafts.change(2, { text });
    await until(saved(stuck.drafts, 2));
  }
  void stuck.drafts.change(2, { text: "all of it" });
  assert.equal((await stuck.drafts.ending(2, answer(200))).response.status, 200);
  stuck.drafts.close();
  const next = person({ user: async () => first.user });
  const [one, two] = await Promise.all([next.drafts.restore(), next.drafts.restore()]);
  assert.deepEqual([one!.map(({ data }) => data), two], [[{ text: "typed yesterday" }], one]);
  await until(saved(next.drafts, 2));
  next.drafts.close();
});

test("a draft is kept after the storage was cleared, and after it could not be opened once", async () => {
  const { user, store, drafts } = person({ delay: 60_000 });
  await drafts.change(2, { text: "before" });
  await new Promise((resolve) => (indexedDB.deleteDatabase("onboarding-drafts").onsuccess = resolve));
  await drafts.change(2, { text: "after" });
  assert.deepEqual((await store.all(user)).map(({ data }) => data), [{ text: "after" }]);
  const { open } = indexedDB;
  const fresh = person({ delay: 60_000 });
  indexedDB.open = () => {
    throw new DOMException("not now");
  };
  await fresh.drafts.change(2, { text: "not kept" });
  indexedDB.open = open;
  await fresh.drafts.change(2, { text: "kept" });
  assert.deepEqual((await fresh.store.all(fresh.user)).map(({ data }) => data), [{ text: "kept" }]);
  drafts.close();
  fresh.drafts.close();
});

test("keystrokes stay in order, however long it takes to learn who types", async () => {
  const waits = [60, 0, 0];
  const { drafts, sent, store, user } = person();
  const slow = person({
    store,
    user: async () => {
      await new Promise((resolve) => setTimeout(resolve, waits.shift() ?? 0));
      return user;
    },
  });
  await Promise.all(["a", "ab", "abc"].map((text) => slow.drafts.change(2, { text })));
  await until(saved(slow.drafts, 2));
  assert.deepEqual(slow.sent.map(({ data }) => data), [{ text: "abc" }]);
  assert.deepEqual([sent.length, await store.all(user)], [0, []]);
  drafts.close();
  slow.drafts.close();
});

test("without a token what is typed is kept for the user before, and sent when there is one", async () => {
  let signedIn = true;
  const name = `user_${(users += 1)}`;
  const { drafts, sent, store } = person({
    user: async () => {
      if (!signedIn) throw new Error("Nobody is signed in.");
      return name;
    },
  });
  await drafts.restore();
  signedIn = false;
  await drafts.change(2, { text: "typed offline" });
  await drafts.flush();
  assert.deepEqual((await store.all(name)).map(({ data }) => data), [{ text: "typed offline" }]);
  assert.equal(sent.length, 0);
  signedIn = true;
  await drafts.flush();
  assert.deepEqual(sent.map(({ user }) => user), [name]);
  drafts.close();
});

test("after another person signs in, nothing of the first one is sent", async () => {
  let name = `user_${(users += 1)}`;
  const { drafts, sent, store } = person({ user: async () => name, delay: 60_000 });
  const first = name;
  await drafts.change(2, { text: "of the first" });
  name = `user_${(users += 1)}`;
  await drafts.change(3, { text: "of the second" });
  await drafts.flush();
  assert.deepEqual(sent.map(({ user, step }) => [user, step]), [[name, 3]]);
  assert.equal((await store.all(first)).length, 1);
  drafts.close();
});

test("what one person typed is not shown to the next one at the same page, and is there again when they are back", async () => {
  let name = `user_${(users += 1)}`;
  const first = name;
  const { drafts, sent, store } = person({ user: async () => name, delay: 60_000 });
  await drafts.restore();
  await drafts.change(2, { text: "of the first" });
  name = `user_${(users += 1)}`;
  const other = person({ user: async () => name, store, delay: 60_000 });
  await other.drafts.change(2, { text: "of the second, an hour ago" });
  other.drafts.close();
  await drafts.restore();
  assert.deepEqual(drafts.unsent(2), { text: "of the second, an hour ago" });
  await until(saved(drafts, 2));
  name = first;
  assert.deepEqual((await drafts.restore()).map(({ data }) => data), [{ text: "of the first" }]);
  await until(saved(drafts, 2));
  assert.deepEqual(sent.map(({ data }) => data), [{ text: "of the second, an hour ago" }, { text: "of the first" }]);
  drafts.close();
});

test("an answer that arrives after another person signed in is nothing of theirs", async () => {
  let name = `user_${(users += 1)}`;
  const { drafts, sent, store, server } = person({ user: async () => name });
  let arrived = (): void => {};
  server.answer = () => new Promise((resolve) => (arrived = () => resolve({ kind: "conflict", version: 8, current: THEIRS, problem: {} })));
  await drafts.change(2, { text: "of the first" });
  await until(() => sent.length === 1);
  const first = name;
  name = `user_${(users += 1)}`;
  await drafts.restore();
  await drafts.change(2, { text: "of the second" });
  arrived();
  server.answer = async () => ({ kind: "saved", version: 1, savedAt: "now" });
  await until(saved(drafts, 2));
  assert.deepEqual(sent.map(({ user, version }) => [user, version]), [[first, undefined], [name, undefined]]);
  assert.deepEqual((await store.all(first)).map(({ data }) => data), [{ text: "of the first" }]);
  drafts.close();
});

test("a draft that was saved does not come back where a full device kept an older one alone", async () => {
  const store = indexedDbStore();
  let isFull = false;
  const full = { ...store, put: (draft: Unsent) => (isFull ? Promise.reject(new Error("QuotaExceededError")) : store.put(draft)) };
  const { user, drafts } = person({ store: full });
  await drafts.change(2, { text: "short" });
  isFull = true;
  await drafts.change(2, { text: "long" });
  await until(saved(drafts, 2));
  assert.deepEqual(await store.all(user), []);
  drafts.close();
});

test("what is under way when a page closes its drafts still ends well, and nothing is sent after it", async () => {
  const { user, drafts, sent, store, server } = person({ channel: new BroadcastChannel(`tabs ${(users += 1)}`) });
  let arrived = (): void => {};
  server.answer = () => new Promise((resolve) => (arrived = () => resolve({ kind: "saved", version: 1, savedAt: "now" })));
  await drafts.change(2, { text: "first" });
  await until(() => sent.length === 1);
  await drafts.change(3, { text: "later" });
  const completing = drafts.ending(4, answer(200));
  drafts.close();
  assert.equal((await completing).response.status, 200);
  arrived();
  await until(saved(drafts, 2));
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(sent.length, 1);
  assert.deepEqual((await store.all(user)).map(({ step }) => step), [3]);
});

test("a browser that stores nothing still saves what is typed", async () => {
  const broken = { all: () => Promise.reject(new Error()), put: () => Promise.reject(new Error()), remove: () => Promise.reject(new Error()) };
  const { drafts, sent } = person({ store: broken });
  assert.deepEqual(await drafts.restore(), []);
  await drafts.change(2, { text: "kept in the page" });
  await until(saved(drafts, 2));
  assert.equal(sent.length, 1);
  drafts.close();
});

test("another tab of the same user is told, and one with text of its own keeps it", async () => {
  const name = `tabs ${(users += 1)}`;
  const one = person({ channel: new BroadcastChannel(name) });
  const other = person({ channel: new BroadcastChannel(name), user: async () => one.user });
  const busy = person({ channel: new BroadcastChannel(name), user: async () => one.user, delay: 60_000, store: memory() });
  await busy.drafts.change(2, { text: "mine" });
  await one.drafts.change(2, { text: "saved here" });
  await until(() => other.drafts.status(2).state === "elsewhere");
  assert.equal(busy.drafts.status(2).state, "typing");
  for (const { drafts } of [one, other, busy]) drafts.close();
});

function memory(): Store {
  return { all: async () => [], put: async () => {}, remove: async () => {} };
}
