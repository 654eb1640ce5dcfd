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
  const store = options.store ?? indexedDbStore();
  let version = 0;
  const server = { answer: async (_draft: Unsent): Promise<Outcome> => ({ kind: "saved", version: (version += 1), savedAt: "now" }) };
  const drafts = new Drafts({
    user: async () => user,
    seen: () => undefined,
    save: async (draft) => {
      sent.push(structuredClone(draft));
      return server.answer(draft);
    },
    store,
    delay: 20,
    retryAfter: 60_000,
    ...options,
  });
  return { user, drafts, sent, store, server };
}

const saved = (drafts: Drafts, step: number) => () => drafts.status(step).state === "saved";

test("what is typed is sent after a pause, once", async () => {
  const { drafts, sent } = person();
  for (const text of ["B", "Br", "Bread"]) await drafts.change(2, { text });
  assert.equal(drafts.status(2).state, "typing");
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

const THEIRS = { data: null, draft: { data: { text: "theirs" }, saved_at: "then" } };

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
  await drafts.resolve(2, { text: "both" }, 8);
  assert.deepEqual([sent[1]!.data, sent[1]!.version], [{ text: "both" }, '"8"']);
  assert.equal(drafts.status(2).state, "saved");
  drafts.close();
});

test("a conflict with what an earlier attempt stored itself is a success", async () => {
  const { drafts, server } = person();
  const current = { data: null, draft: { data: { list: [1, { b: 2, a: 1 }] }, saved_at: "then" } };
  server.answer = async () => ({ kind: "conflict", version: 8, current, problem: {} });
  await drafts.change(2, { list: [1, { a: 1, b: 2 }] });
  await until(saved(drafts, 2));
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

test("completing a step drops its draft, after a write under way", async () => {
  const { user, drafts, store } = person();
  await drafts.change(2, { text: "done" });
  await drafts.settle(2);
  await drafts.drop(2);
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.deepEqual([drafts.status(2).state, await store.all(user)], ["idle", []]);
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
