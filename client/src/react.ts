/** Onboarding in React: where the user stands, and each step's draft status, as they change. */
import { useCallback, useEffect, useState } from "react";
import type { components, Data, DraftStatus, OnboardingClient, Problem } from "./index.js";

export type Init = components["schemas"]["Init"];

export interface Onboarding {
  /** What `GET …/init` gave; null until then, and until what an earlier visit typed and could not send is there again. */
  init: Init | null;
  /** Why the last `reload` failed: the API's answer, or the error of a request that got none. */
  problem: Problem | Error | null;
  reload: () => Promise<void>;
  statusOf: (step: number) => DraftStatus;
  /** To be called at every change of a step's form. */
  typed: (step: number, data: Data) => void;
}

export function useOnboarding(client: OnboardingClient): Onboarding {
  const [init, setInit] = useState<Init | null>(null);
  const [problem, setProblem] = useState<Problem | Error | null>(null);
  const [, redraw] = useState(0);
  const reload = useCallback(async () => {
    await client.drafts.restore(); // again, where nobody could be told to be signed in the first time
    try {
      const { data, error } = await client.GET("/api/onboarding/init");
      if (data) setInit(data);
      setProblem(error ?? null);
    } catch (error) {
      setProblem(error as Error);
    }
  }, [client]);
  useEffect(() => {
    const unsubscribe = client.drafts.subscribe(() => redraw((count) => count + 1));
    void reload();
    return unsubscribe;
  }, [client, reload]);
  return {
    init,
    problem,
    reload,
    statusOf: (step) => client.drafts.status(step),
    typed: (step, data) => void client.drafts.change(step, data),
  };
}
