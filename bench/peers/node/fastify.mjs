// Fastify and postgres.js as their documentation shows them, with this project's own SQL (`same_sql.json`).
import { createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import Fastify from "fastify";
import postgres from "postgres";
import { database, userOf } from "./work.mjs";

const { summary, save, columns } = JSON.parse(readFileSync(process.env.SAME_SQL));
const { user: username, ...options } = database();
const sql = postgres({ ...options, username });
const key = Buffer.from(process.env.API_KEY_ENCRYPTION_KEYS.split(",")[0], "base64url");
const app = Fastify();

app.decorateRequest("user", null);
app.addHook("onRequest", async (request, reply) => {
  try {
    request.user = userOf(request.headers.authorization);
  } catch {
    return reply.code(401).send({ detail: "Please sign in." });
  }
});

app.get("/api/onboarding/summary", async ({ user }) => {
  const row = await lastRow(summary, { user_id: user });
  const { website_url, style_patterns, style_guidelines, ...style } = row.website_analysis ?? {};
  return {
    api_keys: Object.fromEntries(row.providers.map((name, at) => [name, masked(decrypted(user, name, row.encrypted_keys[at]))])),
    website_url: website_url ?? null,
    style_analysis: row.website_analysis && style,
    research_preferences: row.research_preferences,
    persona: row.persona,
    integrations: row.integrations ?? {},
    business_info: row.business_info,
  };
});

const body = {
  type: "object",
  required: ["data"],
  properties: {
    data: {
      type: "object",
      required: ["website", "analysis"],
      properties: { website: { type: "string" }, analysis: { type: "object" } },
    },
    validation_errors: { type: "array" },
  },
};

app.post("/api/onboarding/step/2/complete", { schema: { body } }, async ({ user, body: { data } }) => {
  const analysis = Object.fromEntries(columns.map((name) => [name, data.analysis[name] ?? null]));
  const own = { user_id: user, request_id: null, write_seed: newSeed(), done_by: Date.now() / 1000 + 5 };
  const row = await lastRow(save, { ...own, website_url: data.website, data, ...analysis });
  return { step_number: 2, data, furthest_step: row.furthest_step };
});

// One transaction; what is sent inside does not wait for the answers before it.
async function lastRow(statements, values) {
  const results = await sql.begin((scope) =>
    statements.map(({ text, names, constants }) =>
      scope.unsafe(text, names.map((name) => values[name] ?? constants[name] ?? null), { prepare: true }),
    ),
  );
  return results.at(-1)[0];
}

function newSeed() {
  return 2 ** 52 + Math.floor(Math.random() * 2 ** 51);
}

function decrypted(user, provider, stored) {
  const decipher = createDecipheriv("aes-256-gcm", key, stored.subarray(5, 17));
  decipher.setAAD(Buffer.from(`onboarding.api_keys\0${user}\0${provider}`));
  decipher.setAuthTag(stored.subarray(-16));
  return decipher.update(stored.subarray(17, -16), undefined, "utf8") + decipher.final("utf8");
}

function masked(text) {
  return text.length < 12 ? "…" : `${text.slice(0, 4)}…${text.slice(-4)}`;
}

await app.listen({ host: "127.0.0.1", port: 0 });
console.log(app.server.address().port);
