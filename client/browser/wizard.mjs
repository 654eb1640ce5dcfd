// What a person does in the wizard, and what goes wrong meanwhile.
import assert from "node:assert/strict";

const STEP_TITLES = ["AI LLM Providers", "Website Analysis", "AI Research", "Personalization", "Integrations", "Complete Setup"];

const go = async (page, step) => {
  await page.getByRole("list", { name: "Steps" }).getByRole("button", { name: STEP_TITLES[step - 1] }).click();
  await page.getByRole("heading", { name: STEP_TITLES[step - 1] }).waitFor();
  await page.locator("form").waitFor();
};
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const draftSays = (page, text) => page.locator(".draft", { hasText: text }).waitFor();
const voice = (page) => page.getByLabel("How do they sound?");
const voiceSays = (page, text) => page.waitForFunction((text) => document.querySelector("#voice")?.value === text, text);

/** What the server has of a step, asked past the page. */
async function stored({ url, user }, step) {
  const token = await (await fetch(`${url}/dev/token?user=${user}`)).text();
  const response = await fetch(`${url}/api/onboarding/step/${step}`, { headers: { Authorization: `Bearer ${token}` } });
  return response.json();
}

export async function six_steps_lead_to_the_end(run) {
  const { user, screenshots, newDevice, inspect } = run;
  const { open } = await newDevice();
  const page = await open(`/wizard?user=${user}`);
  const show = async (step) => {
    await page.getByRole("heading", { name: STEP_TITLES[step - 1] }).waitFor();
    await page.locator("form").waitFor();
  };
  const look = async (step) => {
    await inspect(page, `step ${step}`);
    await page.screenshot({ path: `${screenshots}/step-${step}.png` });
    await page.setViewportSize({ width: 360, height: 740 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `step ${step} is ${width} px wide on a telephone`);
    await page.setViewportSize({ width: 1180, height: 900 });
  };
  await show(1);
  await page.getByLabel("OpenAI").fill("sk-a-key-that-nobody-may-see-1234");
  await look(1);
  await press(page, "Save keys");
  await show(2);
  await page.getByLabel("Your website").fill("https://example.com");
  await draftSays(page, "Draft saved");
  await look(2);
  await press(page, "Analyse my website");
  await show(3);
  await page.getByLabel("How deep should research go?").selectOption("Comprehensive");
  await page.getByLabel("Newsletters").check();
  await draftSays(page, "Draft saved");
  await look(3);
  await press(page, "Save");
  await show(4);
  await page.getByLabel("What is your writer called?").fill("Ada");
  await voice(page).fill("Warm, brief, a little dry.");
  await draftSays(page, "Draft saved");
  await look(4);
  await press(page, "Save");
  await show(5);
  await press(page, "Skip");
  await show(6);
  await page.getByText("Comprehensive").waitFor();
  await look(6);
  await press(page, "Launch");
  await page.getByRole("heading", { name: "You are set up" }).waitFor();
  await go(page, 5);
  await look(5);
  assert.ok(!(await page.content()).includes("nobody-may-see"));
}

export async function a_reload_in_the_middle_loses_nothing(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  for (const text of ["Typed a moment ago", "Typed again", "And again", "And once more"]) {
    await voice(page).fill(text);
    await page.reload();
    await go(page, 4);
    await voiceSays(page, text);
    await draftSays(page, "Draft saved");
    assert.equal((await stored(run, 4)).draft.data.corePersona.identity.voice, text);
  }
}

/** A draft that was typed without a connection, on a page that is closed. */
async function leftOffline({ context, open }, user, text) {
  const page = await open(`/wizard?user=${user}`);
  await go(page, 4);
  await context.setOffline(true);
  await voice(page).fill(text);
  await draftSays(page, "No connection");
  await page.close();
  await context.setOffline(false);
}

export async function a_form_waits_until_a_slow_device_has_read_what_was_typed(run) {
  const device = await run.newDevice();
  await leftOffline(device, run.user, "Typed on an old telephone");
  await device.context.addInitScript(() => {
    const { open } = IDBFactory.prototype;
    IDBFactory.prototype.open = function (...names) {
      const request = open.apply(this, names);
      const later = (listener) => request.addEventListener("success", () => setTimeout(listener, 1500));
      Object.defineProperty(request, "onsuccess", { set: later });
      return request;
    };
  });
  const page = await device.open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await voiceSays(page, "Typed on an old telephone");
}

export async function a_step_read_before_its_draft_was_sent_shows_the_draft(run) {
  const device = await run.newDevice();
  await leftOffline(device, run.user, "Typed long ago");
  const read = withResolvers();
  await device.context.route("**/step/4/draft", async (route) => {
    await read.promise;
    await route.continue();
  });
  await device.context.route("**/step/4", async (route) => {
    const response = await route.fetch();
    read.resolve();
    await device.context.pages()[0].locator(".calls li", { hasText: /PUT.*200/ }).waitFor();
    await route.fulfill({ response });
  });
  const page = await device.open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await voiceSays(page, "Typed long ago");
}

export async function what_is_typed_offline_is_kept_and_sent_when_the_line_is_back(run) {
  const { context, open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await context.setOffline(true);
  await voice(page).fill("Typed on a train");
  await draftSays(page, "No connection");
  await run.inspect(page, "the wizard without a connection");
  assert.equal((await stored(run, 4)).draft, null);
  await context.setOffline(false);
  await draftSays(page, "Draft saved");
  assert.equal((await stored(run, 4)).draft.data.corePersona.identity.voice, "Typed on a train");
}

export async function a_tab_closed_offline_loses_nothing(run) {
  const device = await run.newDevice();
  await leftOffline(device, run.user, "Typed in a tunnel");
  const later = await device.open(`/wizard?user=${run.user}`);
  await go(later, 4);
  await voiceSays(later, "Typed in a tunnel");
  await draftSays(later, "Draft saved");
}

export async function a_second_tab_shows_what_the_first_one_saved(run) {
  const { open } = await run.newDevice();
  const [one, two] = [await open(`/wizard?user=${run.user}`), await open(`/wizard?user=${run.user}`)];
  await go(one, 4);
  await go(two, 4);
  await voice(one).fill("From the first tab");
  await draftSays(two, "Saved in another tab");
  await voiceSays(two, "From the first tab");
  await voice(two).fill("From the second tab");
  await draftSays(two, "Draft saved");
  await voiceSays(one, "From the second tab");
}

/** Two tabs in which both versions were typed before either was saved: the first one's is stored, the second meets it. */
async function conflicting(run) {
  const { open } = await run.newDevice();
  const [one, two] = [await open(`/wizard?user=${run.user}`), await open(`/wizard?user=${run.user}`)];
  const gates = [];
  for (const page of [one, two]) {
    await go(page, 4);
    const gate = withResolvers();
    gates.push(gate);
    await page.route("**/step/4/draft", async (route) => {
      await gate.promise;
      await route.continue();
    });
  }
  await voice(one).fill("From the first tab");
  await voice(two).fill("From the second tab");
  gates[0].resolve();
  await draftSays(one, "Draft saved");
  gates[1].resolve();
  await two.getByRole("dialog").waitFor();
  return { one, two };
}

function withResolvers() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

export async function two_tabs_in_conflict_show_both_versions_and_mine_may_stay(run) {
  const { one, two } = await conflicting(run);
  await two.getByRole("region", { name: "Yours" }).getByText("From the second tab").waitFor();
  await two.getByRole("region", { name: "The other one" }).getByText("From the first tab").waitFor();
  await run.inspect(two, "the conflict");
  await two.screenshot({ path: `${run.screenshots}/conflict.png` });
  assert.equal((await stored(run, 4)).draft.data.corePersona.identity.voice, "From the first tab");
  await press(two, "Keep mine");
  await draftSays(two, "Draft saved");
  assert.equal((await stored(run, 4)).draft.data.corePersona.identity.voice, "From the second tab");
  await voiceSays(one, "From the second tab");
}

export async function after_a_conflict_the_other_version_may_stay_and_be_edited(run) {
  const { two } = await conflicting(run);
  await press(two, "Take the other one");
  await voiceSays(two, "From the first tab");
  await voice(two).fill("From the first tab, edited");
  await draftSays(two, "Draft saved");
  assert.equal((await stored(run, 4)).draft.data.corePersona.identity.voice, "From the first tab, edited");
}

export async function a_503_in_between_is_not_noticed(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 3);
  let refusals = 0;
  await page.route("**/step/3/complete", async (route) => {
    if ((refusals += 1) > 1) return route.continue();
    return route.fulfill({ status: 503, headers: { "Retry-After": "1" }, contentType: "application/problem+json", body: "{}" });
  });
  await press(page, "Save");
  await page.getByRole("heading", { name: STEP_TITLES[3] }).waitFor();
  assert.equal(refusals, 2);
  assert.equal(await page.getByRole("alert").count(), 0);
}

export async function an_answer_that_is_lost_is_no_conflict(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 3);
  await page.getByLabel("Newsletters").check();
  let sent = 0;
  await page.route("**/step/3/complete", async (route) => {
    if ((sent += 1) > 1) return route.continue();
    await route.fetch();
    return route.abort("connectionreset");
  });
  await press(page, "Save");
  await page.getByRole("heading", { name: STEP_TITLES[3] }).waitFor();
  assert.equal(sent, 3); // the lost one, the one that met it, and the one over it
  assert.equal((await stored(run, 3)).status, "completed");
}

export async function an_error_names_what_is_wrong_and_leaves_the_form(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await page.getByLabel("Google Gemini").fill("not a key of Gemini");
  await press(page, "Save keys");
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("Google Gemini").inputValue(), "not a key of Gemini");
  await run.inspect(page, "the wizard with an error");
}
