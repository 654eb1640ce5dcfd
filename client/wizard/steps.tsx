/** The forms of the six steps. Each shows `data`, and says at every keystroke what changed. */
import { type ReactNode, useEffect, useState } from "react";
import type { components, Data, OnboardingClient, Problem } from "../src/index.js";

export interface FormProps {
  client: OnboardingClient;
  data: Data;
  change: (changed: Data) => void;
  /** Runs a write; a problem that it gives is shown, and without one the wizard goes on. */
  attempt: (work: () => Promise<Problem | undefined>) => Promise<void>;
  busy: boolean;
}

function Keys({ client, data, attempt, busy }: FormProps): ReactNode {
  const stored = (data.api_keys ?? {}) as Record<string, string>;
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [providers, setProviders] = useState<Record<string, { name: string }>>({});
  useEffect(() => void client.GET("/api/onboarding/providers").then(({ data }) => setProviders(data ?? {})), [client]);
  const save = async (): Promise<Problem | undefined> => {
    const { error } = await client.POST("/api/onboarding/step/1/complete", { body: { data: { api_keys: typed } } });
    return error;
  };
  return (
    <Form onSubmit={() => attempt(save)}>
      <div className="pairs">
        {Object.entries(providers).map(([provider, { name }]) => (
          <Field key={provider} id={provider} label={name}>
            <input
              id={provider}
              type="password"
              autoComplete="off"
              placeholder={stored[provider] ?? ""}
              onChange={(event) => setTyped({ ...typed, [provider]: event.target.value })}
            />
          </Field>
        ))}
      </div>
      <p className="soft">Keys are stored encrypted. They are never part of a draft.</p>
      <button disabled={busy}>Save keys</button>
    </Form>
  );
}

function Website({ client, data, change, attempt, busy }: FormProps): ReactNode {
  const business = (data.businessData ?? {}) as Data;
  const url = text(data.website);
  const save = async (): Promise<Problem | undefined> => {
    if (!url) {
      const sent = { website: null, analysis: null, businessData: business };
      return (await client.POST("/api/onboarding/step/2/complete", { body: { data: sent } })).error;
    }
    const body = { url, include_patterns: true, include_guidelines: true };
    // The analysis finishes the step and leaves its draft, which may have more than the website.
    const { error } = await client.drafts.ending(2, () => client.POST("/api/onboarding/style-detection/complete", { body }), true);
    return error as Problem | undefined;
  };
  return (
    <Form onSubmit={() => attempt(save)}>
      <Field id="website" label="Your website">
        <input id="website" type="url" placeholder="https://" value={url} onChange={(event) => change({ website: event.target.value })} />
      </Field>
      <Field id="business" label="No website? Tell us about your business (10 characters or more)">
        <textarea
          id="business"
          value={text(business.business_description)}
          onChange={(event) => change({ businessData: { ...business, business_description: event.target.value } })}
        />
      </Field>
      <button disabled={busy}>{busy ? "Reading your website…" : url ? "Analyse my website" : "Continue"}</button>
    </Form>
  );
}

const DEPTHS = ["Basic", "Standard", "Comprehensive", "Expert"] as const;
const CONTENT = ["Blog posts", "Newsletters", "Social media", "Landing pages"];

function Research({ client, data, change, attempt, busy }: FormProps): ReactNode {
  const depth = DEPTHS.find((one) => one === data.research_depth) ?? "Standard";
  const sent = { ...data, research_depth: depth };
  const save = async () => (await client.POST("/api/onboarding/step/3/complete", { body: { data: sent } })).error;
  return (
    <Form onSubmit={() => attempt(save)}>
      <Field id="depth" label="How deep should research go?">
        <select id="depth" value={depth} onChange={(event) => change({ research_depth: event.target.value })}>
          {DEPTHS.map((one) => <option key={one}>{one}</option>)}
        </select>
      </Field>
      <Choices legend="What do you publish?" options={CONTENT} chosen={list(data.content_types)} choose={(content_types) => change({ content_types })} />
      <button disabled={busy}>Save</button>
    </Form>
  );
}

const PLATFORMS = ["linkedin", "facebook", "instagram", "blog"];

function Persona({ client, data, change, attempt, busy }: FormProps): ReactNode {
  const core = (data.corePersona ?? {}) as Data;
  const identity = (core.identity ?? {}) as Data;
  const platforms = list(data.selectedPlatforms).length ? list(data.selectedPlatforms) : ["linkedin"];
  const save = async (): Promise<Problem | undefined> => {
    const sent = {
      ...data,
      corePersona: { ...core, identity },
      platformPersonas: Object.fromEntries(platforms.map((platform) => [platform, { tone: identity.voice ?? "" }])),
      selectedPlatforms: platforms,
    };
    return (await client.POST("/api/onboarding/step/4/complete", { body: { data: sent } })).error;
  };
  const identify = (changed: Data): void => change({ corePersona: { ...core, identity: { ...identity, ...changed } } });
  return (
    <Form onSubmit={() => attempt(save)}>
      <Field id="name" label="What is your writer called?">
        <input id="name" value={text(identity.persona_name)} onChange={(event) => identify({ persona_name: event.target.value })} />
      </Field>
      <Field id="voice" label="How do they sound?">
        <textarea id="voice" value={text(identity.voice)} onChange={(event) => identify({ voice: event.target.value })} />
      </Field>
      <Choices legend="Where do they write?" options={PLATFORMS} chosen={platforms} choose={(selectedPlatforms) => change({ selectedPlatforms })} />
      <div className="row">
        <button disabled={busy}>Save</button>
        <button type="button" className="quiet" onClick={() => void attempt(async () => (await client.POST("/api/onboarding/step/4/skip")).error)}>Skip</button>
      </div>
    </Form>
  );
}

function Integrations({ client, data, change, attempt, busy }: FormProps): ReactNode {
  const save = async () => (await client.POST("/api/onboarding/step/5/complete", { body: { data } })).error;
  return (
    <Form onSubmit={() => attempt(save)}>
      <Choices legend="What do you use?" options={["wix", "wordpress", "gsc"]} chosen={list(data.connectedPlatforms)} choose={(connectedPlatforms) => change({ connectedPlatforms })} />
      <Field id="email" label="Where should we write to?">
        <input id="email" type="email" value={text(data.email)} onChange={(event) => change({ email: event.target.value })} />
      </Field>
      <div className="row">
        <button disabled={busy}>Save</button>
        <button type="button" className="quiet" onClick={() => void attempt(async () => (await client.POST("/api/onboarding/step/5/skip")).error)}>Skip</button>
      </div>
    </Form>
  );
}

function Finish({ client, attempt, busy }: FormProps): ReactNode {
  const [summary, setSummary] = useState<components["schemas"]["Summary"] | null>(null);
  useEffect(() => void client.GET("/api/onboarding/summary").then(({ data }) => setSummary(data ?? null)), [client]);
  const launch = async (): Promise<Problem | undefined> =>
    (await client.POST("/api/onboarding/step/6/complete", { body: {} })).error ?? (await client.POST("/api/onboarding/complete")).error;
  if (!summary) return <p aria-busy="true">Loading…</p>;
  const able = Object.entries(summary.capabilities).filter(([, is]) => is).map(([name]) => name.replaceAll("_", " "));
  const facts = {
    "API keys": Object.entries(summary.api_keys).map(([name, mask]) => `${name} ${mask}`).join(", "),
    Website: summary.website_url ?? summary.business_info?.business_description,
    Research: text(summary.research_preferences?.research_depth),
    Tone: text(summary.personalization_settings?.tone),
    "Ready for": able.join(", "),
  };
  return (
    <Form onSubmit={() => attempt(launch)}>
      <dl>{Object.entries(facts).map(([name, fact]) => <Fact key={name} name={name} fact={fact} />)}</dl>
      <button disabled={busy}>Launch</button>
    </Form>
  );
}

function Fact({ name, fact }: { name: string; fact: ReactNode }): ReactNode {
  return <><dt>{name}</dt><dd>{fact || "—"}</dd></>;
}

function Form({ onSubmit, children }: { onSubmit: () => void; children: ReactNode }): ReactNode {
  return <form noValidate onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>{children}</form>;
}

function Field({ id, label, children }: { id: string; label: string; children: ReactNode }): ReactNode {
  return <div className="field"><label htmlFor={id}>{label}</label>{children}</div>;
}

interface ChoicesProps {
  legend: string;
  options: string[];
  chosen: string[];
  choose: (chosen: string[]) => void;
}

function Choices({ legend, options, chosen, choose }: ChoicesProps): ReactNode {
  const toggle = (option: string): void => choose(chosen.includes(option) ? chosen.filter((one) => one !== option) : [...chosen, option]);
  return (
    <fieldset className="choices">
      <legend className="label">{legend}</legend>
      {options.map((option) => (
        <label key={option}><input type="checkbox" checked={chosen.includes(option)} onChange={() => toggle(option)} />{option}</label>
      ))}
    </fieldset>
  );
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);

export const FORMS = [Keys, Website, Research, Persona, Integrations, Finish];
