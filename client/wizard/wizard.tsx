/** A wizard for the six steps, to copy from: forms that save themselves as drafts, conflicts, requirements, the summary. */
import { type ReactNode, StrictMode, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { createOnboardingClient, type Data, type DraftStatus, type OnboardingClient, type Problem } from "../src/index.js";
import { useOnboarding } from "../src/react.js";
import { FORMS, type FormProps } from "./steps.js";

interface Request {
  id: number;
  method: string;
  path: string;
  /** A dash where there was no answer. */
  status: number | "—" | null;
}

/** `make dev` has a token ready, of `/wizard?user=…` or of its sample user; elsewhere the person pastes one. */
async function developmentToken(): Promise<string | null> {
  if (!["localhost", "127.0.0.1"].includes(location.hostname)) return null;
  const response = await fetch(`/dev/token${location.search}`).catch(() => null);
  return response?.ok ? response.text() : null;
}

function App(): ReactNode {
  const [token, setToken] = useState<string | null>(null);
  const [asked, setAsked] = useState(false);
  useEffect(() => {
    void developmentToken().then((found) => {
      setToken(found);
      setAsked(true);
    });
  }, []);
  if (!asked) return null;
  return token ? <Wizard token={token} /> : <SignIn onToken={setToken} />;
}

function SignIn({ onToken }: { onToken: (token: string) => void }): ReactNode {
  const [text, setText] = useState("");
  return (
    <main className="page">
      <form className="card" onSubmit={(event) => { event.preventDefault(); onToken(text.trim()); }}>
        <h1>Onboarding</h1>
        <p className="soft">Paste a session token. In a page with Clerk: <code>await Clerk.session.getToken()</code></p>
        <div className="field">
          <label htmlFor="token">Session token</label>
          <input id="token" value={text} onChange={(event) => setText(event.target.value)} autoComplete="off" required />
        </div>
        <button>Begin</button>
      </form>
    </main>
  );
}

function Wizard({ token }: { token: string }): ReactNode {
  const [requests, setRequests] = useState<Request[]>([]);
  const client = useMemo(() => {
    let count = 0;
    return createOnboardingClient({
      baseUrl: location.origin,
      getToken: async () => token,
      fetch: async (request) => {
        const id = (count += 1);
        const { pathname } = new URL(request.url);
        setRequests((before) => [{ id, method: request.method, path: pathname, status: null }, ...before].slice(0, 40));
        const settle = (status: number | "—"): void => setRequests((before) => before.map((one) => (one.id === id ? { ...one, status } : one)));
        try {
          const response = await fetch(request);
          settle(response.status);
          return response;
        } catch (error) {
          settle("—");
          throw error;
        }
      },
    });
  }, [token]);
  const { init, problem, reload, statusOf, typed } = useOnboarding(client);
  const [chosen, setChosen] = useState<number | null>(null);
  if (problem && !init) {
    return (
      <main className="page">
        <div><ProblemBox problem={problem} /><button type="button" onClick={() => void reload()}>Try again</button></div>
      </main>
    );
  }
  if (!init) return <main className="page" aria-busy="true"><p>Loading…</p></main>;
  const { steps, is_completed, next_step, completion_percentage, requirements } = init.onboarding;
  const number = chosen ?? next_step ?? steps.length;
  const step = steps[number - 1]!;
  const done = async (): Promise<void> => {
    await reload();
    if (number < steps.length) setChosen(number + 1);
  };
  return (
    <div className="page">
      <main>
        <div className="top">
          <h1>{is_completed ? "You are set up" : "Set up your workspace"}</h1>
          <span className="soft">{Math.round(completion_percentage)} % done</span>
        </div>
        <div className="bar" role="progressbar" aria-label="Progress" aria-valuenow={Math.round(completion_percentage)}>
          <div style={{ width: `${completion_percentage}%` }} />
        </div>
        <ol className="steps" aria-label="Steps">
          {steps.map((one) => (
            <li key={one.step_number}>
              <button
                type="button"
                className={one.status === "completed" || one.status === "skipped" ? "done" : ""}
                aria-current={one.step_number === number ? "step" : undefined}
                onClick={() => setChosen(one.step_number)}
              >
                {one.title}
              </button>
            </li>
          ))}
        </ol>
        <section className="card" aria-labelledby="title">
          <h2 id="title">{step.title}</h2>
          <p className="soft">{step.description}</p>
          <Step key={number} client={client} number={number} status={statusOf(number)} typed={typed} done={done} />
        </section>
      </main>
      <aside aria-label="What the server says">
        <section>
          <h2>Still needed</h2>
          {requirements.currently_due.length === 0 && <p className="soft">Nothing: you can finish.</p>}
          <ul>
            {requirements.currently_due.map((entry) => (
              <li key={entry.code + entry.field}>
                <button type="button" className="link" onClick={() => setChosen(entry.step_number)}>{entry.message}</button>
              </li>
            ))}
          </ul>
        </section>
        <section>
          <h2>Requests</h2>
          <ol className="calls">
            {requests.map((one) => (
              <li key={one.id} className={one.status === "—" || Number(one.status) >= 400 ? "bad" : ""}>
                <span>{one.method}</span><span>{one.path.replace("/api/onboarding", "…")}</span><span>{one.status ?? "…"}</span>
              </li>
            ))}
          </ol>
        </section>
      </aside>
    </div>
  );
}

interface StepProps {
  client: OnboardingClient;
  number: number;
  status: DraftStatus;
  typed: (step: number, data: Data) => void;
  done: () => Promise<void>;
}

/** One step: what is stored or was being typed, a form for it, and what became of saving it. */
function Step({ client, number, status, typed, done }: StepProps): ReactNode {
  const [data, setData] = useState<Data | null>(null);
  const [problem, setProblem] = useState<Problem | Error | null>(null);
  const [busy, setBusy] = useState(false);
  const loads = useRef(0);
  const edits = useRef(0);
  const load = async (): Promise<void> => {
    const [turn, edited] = [(loads.current += 1), edits.current];
    const before = client.drafts.unsent(number); // may be saved after the step was read, and before its answer is here
    try {
      const { data: step, error } = await client.GET("/api/onboarding/step/{step_number}", { params: { path: { step_number: number } } });
      if (error) return setProblem(error);
      const typed = client.drafts.unsent(number) ?? before;
      if (turn !== loads.current || edited !== edits.current) return; // what was read later, or typed since, is shown
      setData({ ...(step.data as Data | null), ...(step.draft?.data as Data | undefined), ...typed });
    } catch (error) {
      setProblem(error as Error);
    }
  };
  useEffect(() => void load(), [number]);
  useEffect(() => {
    if (status.state === "elsewhere") void load();
  }, [status]);
  if (problem && !data) return <ProblemBox problem={problem} />;
  if (!data) return <p aria-busy="true">Loading…</p>;
  const change = (changed: Data): void => {
    edits.current += 1;
    const next = { ...data, ...changed };
    setData(next);
    typed(number, next);
  };
  const attempt = async (work: () => Promise<Problem | undefined>): Promise<void> => {
    setBusy(true);
    const failed = await work().catch((error: Error) => error);
    setProblem(failed ?? null);
    setBusy(false);
    if (failed && "status" in failed && failed.status === 412) typed(number, data); // its draft meets the other version, too
    if (!failed) await done();
  };
  const settle = (theirs: boolean): void => {
    if (!theirs) {
      if (status.state === "conflict") setData({ ...data, ...status.mine });
      return void client.drafts.keepMine(number);
    }
    void client.drafts.takeTheirs(number).then((step) => step && setData({ ...step.data, ...step.draft?.data }));
  };
  const form: FormProps = { client, data, change, attempt, busy };
  const Form = FORMS[number - 1]!;
  return (
    <>
      {problem && <ProblemBox problem={problem} />}
      <Form {...form} />
      <Draft status={status} />
      {status.state === "conflict" && (
        <Conflict status={status} settle={settle} />
      )}
    </>
  );
}

const DRAFT_TEXTS: Record<DraftStatus["state"], string> = {
  idle: "",
  typing: "Not saved yet…",
  saving: "Saving…",
  saved: "Draft saved",
  offline: "No connection: kept on this device, and sent when it is back",
  elsewhere: "Saved in another tab",
  conflict: "Changed in two places",
  refused: "This draft cannot be saved",
};

function Draft({ status }: { status: DraftStatus }): ReactNode {
  return <p className="draft" role="status" data-state={status.state}>{DRAFT_TEXTS[status.state]}</p>;
}

interface ConflictProps {
  status: DraftStatus & { state: "conflict" };
  settle: (theirs: boolean) => void;
}

/** The server never merges and never guesses: the person sees both versions. */
function Conflict({ status, settle }: ConflictProps): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const theirs = status.theirs.draft?.data ?? status.theirs.data ?? {};
  return (
    <dialog ref={dialog} aria-labelledby="conflict" onClose={() => dialog.current?.showModal() /* a second Escape cannot be prevented */}>
      <h2 id="conflict">This step was changed elsewhere</h2>
      <p>Another tab or device saved it after you opened it here. Which version should stay?</p>
      <div className="versions">
        <Version title="Yours" data={status.mine} />
        <Version title="The other one" data={theirs} />
      </div>
      <div className="row">
        <button type="button" onClick={() => settle(false)}>Keep mine</button>
        <button type="button" className="quiet" onClick={() => settle(true)}>Take the other one</button>
      </div>
    </dialog>
  );
}

function Version({ title, data }: { title: string; data: Data }): ReactNode {
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <pre tabIndex={0}>{JSON.stringify(data, null, 2)}</pre>
    </section>
  );
}

function ProblemBox({ problem }: { problem: Problem | Error }): ReactNode {
  const isAnswer = !(problem instanceof Error);
  const errors = (isAnswer && problem.errors) || [];
  return (
    <div className="problem" role="alert">
      <strong>{isAnswer ? problem.detail : "The server cannot be reached. What you typed is kept; try again in a moment."}</strong>
      {errors.length > 1 && <ul>{errors.map((error) => <li key={error.field + error.code}>{error.message}</li>)}</ul>}
    </div>
  );
}

createRoot(document.getElementById("root")!).render(<StrictMode><App /></StrictMode>);
