"use client";
import { createOnboardingClient } from "onboarding-client";
import { useOnboarding } from "onboarding-client/react";

const onboarding = createOnboardingClient({ baseUrl: "https://api.example.com", getToken: async () => null });

export default function Page() {
  const { init, statusOf, typed } = useOnboarding(onboarding);
  return <button onClick={() => typed(3, { research_depth: "Expert" })}>{init?.onboarding.current_step} {statusOf(3).state}</button>;
}
