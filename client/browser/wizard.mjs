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

const storedVoice = async (run) => (await stored(run, 4)).draft?.data.corePersona.identity.voice;

/** Waits until the server has it. */
async function storedSays(run, text) {
  for (const end = Date.now() + 20_000; (await storedVoice(run)) !== text; ) {
    if (Date.now() > end) throw new Error(`The server has ${await storedVoice(run)}, not ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function what_is_typed_just_before_a_step_is_skipped_or_left_is_saved(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await voice(page).fill("Typed, and skipped at once");
  await press(page, "Skip");
  await page.getByRole("heading", { name: STEP_TITLES[4] }).waitFor();
  await storedSays(run, "Typed, and skipped at once");
  await go(page, 4);
  await voiceSays(page, "Typed, and skipped at once");
  await voice(page).fill("Typed, and left at once");
  await go(page, 3);
  await go(page, 4);
  await voiceSays(page, "Typed, and left at once");
  await voice(page).fill("Typed, and gone back at once");
  await page.goto(`${run.url}/problems`);
  await page.goBack();
  await go(page, 4);
  await voiceSays(page, "Typed, and gone back at once");
  await storedSays(run, "Typed, and gone back at once");
}

export async function what_is_typed_while_a_step_is_being_saved_is_no_conflict_and_not_lost(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 3);
  await page.getByLabel("Newsletters").check();
  await draftSays(page, "Draft saved");
  const gate = withResolvers();
  await page.route("**/step/3/complete", async (route) => {
    await gate.promise;
    await route.continue();
  });
  await press(page, "Save");
  await page.getByLabel("Blog posts").check();
  await page.waitForTimeout(1200); // longer than a draft waits for the next keystroke
  gate.resolve();
  await page.getByRole("heading", { name: STEP_TITLES[3] }).waitFor();
  await go(page, 3);
  assert.ok(await page.getByLabel("Blog posts").isChecked());
  await draftSays(page, "Draft saved");
  assert.equal(await page.getByRole("dialog").count(), 0);
  const { status, data, draft } = await stored(run, 3);
  assert.deepEqual([status, data.content_types, draft.data.content_types], ["completed", ["Newsletters"], ["Newsletters", "Blog posts"]]);
}

export async function a_browser_whose_storage_never_answers_shows_the_form(run) {
  const { context, open } = await run.newDevice();
  await context.addInitScript(() => {
    IDBFactory.prototype.open = () => ({});
  });
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await voice(page).fill("Typed in a private window");
  await draftSays(page, "Draft saved");
}

export async function a_conflict_cannot_be_closed_without_a_choice(run) {
  const { two } = await conflicting(run);
  for (let count = 0; count < 4; count += 1) {
    await two.keyboard.press("Escape");
    await two.waitForTimeout(100);
  }
  await two.reload();
  await go(two, 4);
  await two.getByRole("dialog").waitFor();
  for (let count = 0; count < 4; count += 1) await two.keyboard.press("Escape");
  await press(two, "Keep mine");
  await storedSays(run, "From the second tab");
}

export async function an_answer_that_is_lost_for_good_is_no_conflict_with_oneself(run) {
  const { context, open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await page.route("**/step/4/draft", async (route) => {
    await route.fetch();
    await context.setOffline(true);
    return route.abort("connectionreset");
  });
  await voice(page).fill("Stored, but who knows");
  await draftSays(page, "No connection");
  await page.unroute("**/step/4/draft");
  await voice(page).fill("Stored, but who knows, and more");
  await context.setOffline(false);
  await storedSays(run, "Stored, but who knows, and more");
  assert.equal(await page.getByRole("dialog").count(), 0);
}

export async function an_expired_token_keeps_the_draft_until_there_is_one(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await page.route("**/step/4/draft", (route) => route.fulfill({ status: 401, contentType: "application/problem+json", body: "{}" }));
  await voice(page).fill("Signed out meanwhile");
  await draftSays(page, "No connection");
  await page.unroute("**/step/4/draft");
  await storedSays(run, "Signed out meanwhile");
}

export async function two_tabs_closed_without_a_connection_both_keep_their_text(run) {
  const { context, open } = await run.newDevice();
  const [one, two] = [await open(`/wizard?user=${run.user}`), await open(`/wizard?user=${run.user}`)];
  await go(one, 4);
  await go(two, 4);
  await context.setOffline(true);
  await voice(one).fill("One, offline");
  await draftSays(one, "No connection");
  await voice(two).fill("Two, offline");
  await draftSays(two, "No connection");
  await one.close();
  await two.close();
  await context.setOffline(false);
  const later = await open(`/wizard?user=${run.user}`);
  await go(later, 4);
  await later.getByRole("region", { name: "Yours" }).getByText("Two, offline").waitFor();
  await later.getByRole("region", { name: "The other one" }).getByText("One, offline").waitFor();
  await press(later, "Keep mine");
  await storedSays(run, "Two, offline");
  await voiceSays(later, "Two, offline");
}

export async function a_connection_that_comes_and_goes_loses_nothing(run) {
  const { context, open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  let text = "";
  for (let count = 0; count < 12; count += 1) {
    await context.setOffline(count % 2 === 0);
    text += `${count} `;
    await voice(page).fill(text);
    await page.waitForTimeout(count * 120);
  }
  await context.setOffline(false);
  await storedSays(run, text);
  assert.equal(await page.getByRole("dialog").count(), 0);
}

export async function a_draft_that_is_too_large_says_so_and_is_kept(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await voice(page).fill("x".repeat(1_000_000));
  await draftSays(page, "Draft saved");
  await voice(page).fill("x".repeat(1_100_000));
  await draftSays(page, "cannot be saved");
  await page.reload();
  await go(page, 4);
  assert.equal((await voice(page).inputValue()).length, 1_100_000);
  await draftSays(page, "cannot be saved");
  await voice(page).fill("short");
  await draftSays(page, "Draft saved");
}

export async function after_a_reset_elsewhere_the_person_decides_about_what_was_typed(run) {
  const { open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  await voice(page).fill("before");
  await draftSays(page, "Draft saved");
  const token = await (await fetch(`${run.url}/dev/token?user=${run.user}`)).text();
  await fetch(`${run.url}/api/onboarding/reset?hard=true`, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  await voice(page).fill("after");
  await page.getByRole("dialog").waitFor();
  await press(page, "Keep mine");
  await storedSays(run, "after");
  await voice(page).fill("after, more");
  await draftSays(page, "Draft saved");
  await storedSays(run, "after, more");
}

export async function a_step_that_another_device_changed_can_be_saved_after_a_choice(run) {
  const [here, there] = [await (await run.newDevice()).open(`/wizard?user=${run.user}`), await (await run.newDevice()).open(`/wizard?user=${run.user}`)];
  await go(here, 4);
  await voice(here).fill("From here");
  await draftSays(here, "Draft saved");
  await go(there, 4);
  await voice(there).fill("From there");
  await draftSays(there, "Draft saved");
  await press(here, "Save");
  await here.getByRole("region", { name: "The other one" }).getByText("From there").waitFor();
  await press(here, "Keep mine");
  await draftSays(here, "Draft saved");
  await press(here, "Save");
  await here.getByRole("heading", { name: STEP_TITLES[4] }).waitFor();
  assert.equal((await stored(run, 4)).data.corePersona.identity.voice, "From here");
}

export async function what_is_typed_while_another_tab_s_text_is_read_stays_in_the_form(run) {
  const { open } = await run.newDevice();
  const [one, two] = [await open(`/wizard?user=${run.user}`), await open(`/wizard?user=${run.user}`)];
  await go(one, 4);
  await go(two, 4);
  const gate = withResolvers();
  const reading = two.waitForRequest("**/step/4");
  await two.route("**/step/4", async (route) => {
    const response = await route.fetch();
    await gate.promise;
    await route.fulfill({ response });
  });
  await voice(one).fill("From the first tab");
  await reading;
  await voice(two).fill("From the second tab");
  await two.getByRole("dialog").waitFor();
  await press(two, "Keep mine");
  await draftSays(two, "Draft saved");
  const read = two.waitForResponse("**/step/4");
  gate.resolve();
  await read;
  await two.waitForTimeout(200);
  assert.equal(await voice(two).inputValue(), "From the second tab");
  await voiceSays(one, "From the second tab");
}

export async function a_tab_closed_while_a_draft_is_sent_meets_no_conflict_with_itself(run) {
  const { context, open } = await run.newDevice();
  const page = await open(`/wizard?user=${run.user}`);
  await go(page, 4);
  const stored = withResolvers();
  await page.route("**/step/4/draft", async (route) => {
    await route.fetch();
    stored.resolve();
  });
  await voice(page).fill("On its way");
  await stored.promise;
  await voice(page).fill("On its way, and more");
  await page.close();
  const later = await open(`/wizard?user=${run.user}`);
  await go(later, 4);
  await voiceSays(later, "On its way, and more");
  await storedSays(run, "On its way, and more");
  assert.equal(await later.getByRole("dialog").count(), 0);
  await context.setOffline(true);
  await voice(later).fill("Before the storage is cleared");
  await draftSays(later, "No connection");
  const protocol = await context.newCDPSession(later);
  await protocol.send("Storage.clearDataForOrigin", { origin: run.url, storageTypes: "indexeddb" });
  await voice(later).fill("After the storage was cleared");
  await later.waitForTimeout(500);
  await later.close();
  await context.setOffline(false);
  const last = await open(`/wizard?user=${run.user}`);
  await go(last, 4);
  await voiceSays(last, "After the storage was cleared");
  await storedSays(run, "After the storage was cleared");
}
