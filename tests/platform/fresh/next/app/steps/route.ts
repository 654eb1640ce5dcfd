import { createOnboardingClient } from "onboarding-client";

export const dynamic = "force-dynamic";

export async function GET(request: Request): Promise<Response> {
  const onboarding = createOnboardingClient({
    baseUrl: "https://api.example.com",
    getToken: async () => request.headers.get("x-session-token"),
  });
  const { data, error } = await onboarding.GET("/api/onboarding/status");
  return Response.json(data ?? error);
}
