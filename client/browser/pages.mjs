// What a person does on the pages beside the wizard.
import assert from "node:assert/strict";

export async function the_reference_runs_a_request_with_the_development_token({ newDevice, inspect }) {
  const { open } = await newDevice();
  const page = await open("/");
  await page.getByText("Healthy").waitFor();
  const requests = page.locator(".opblock");
  await requests.first().waitFor();
  assert.ok((await requests.count()) > 50);
  await inspect(page, "the reference");
  const status = requests.filter({ has: page.locator('[data-path="/api/onboarding/status"]') });
  await status.locator(".opblock-summary-control").click();
  await status.getByRole("button", { name: "Execute" }).click();
  await status.locator(".live-responses-table").getByText('"completion_percentage"').waitFor();
  await inspect(page, "a request that was run", ".opblock.is-open");
}

export async function a_request_with_a_body_can_be_read_and_filled_in_by_everybody({ newDevice, inspect }) {
  const { open } = await newDevice();
  const page = await open("/");
  const draft = page.locator(".opblock").filter({ has: page.locator('[data-path="/api/onboarding/step/{step_number}/draft"]') });
  await draft.locator(".opblock-summary-control").first().click();
  await draft.locator("textarea").waitFor();
  await inspect(page, "the form of a request", ".opblock.is-open");
}

export async function without_its_renderer_the_reference_is_a_list({ newDevice, inspect }) {
  const { context, open } = await newDevice();
  await context.route("**/reference/swagger-ui*", (route) => route.fulfill({ status: 404 }));
  const page = await open("/");
  await page.getByText("GET /api/onboarding/init: ").waitFor();
  await inspect(page, "the list of requests");
}

export async function the_page_of_operators_shows_the_funnel({ newDevice, inspect }) {
  const { open } = await newDevice();
  const page = await open("/operations.html");
  await page.getByLabel("Operations token").fill(process.env.OPERATIONS_TOKEN);
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("rowheader", { name: "6 Complete Setup" }).waitFor();
  await inspect(page, "the funnel");
}

export async function the_page_of_problems_is_styled_under_the_policy({ newDevice, inspect }) {
  const { open } = await newDevice();
  const page = await open("/problems#unavailable");
  await page.getByRole("heading", { name: "Problems", exact: true }).waitFor();
  const width = await page.locator("main").evaluate((main) => getComputedStyle(main).maxWidth);
  assert.notEqual(width, "none");
  await inspect(page, "the problems");
}
