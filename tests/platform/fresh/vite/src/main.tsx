import { createRoot } from "react-dom/client";
import { createOnboardingClient } from "onboarding-client";
import { useOnboarding } from "onboarding-client/react";
import "./readme";

const onboarding = createOnboardingClient({ baseUrl: "", getToken: async () => null });

function Page() {
  const { init, problem, statusOf, typed } = useOnboarding(onboarding);
  if (problem) return <p>{problem instanceof Error ? problem.message : problem.detail}</p>;
  return <button onClick={() => typed(3, { research_depth: "Expert" })}>{init?.onboarding.current_step} {statusOf(3).state}</button>;
}

createRoot(document.getElementById("root")!).render(<Page />);
