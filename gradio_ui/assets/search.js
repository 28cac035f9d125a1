// The Search tab: query at the left, results at the right; asks the server whenever the state says something new.

import { h } from "./dom.js";
import { drawer } from "./drawer.js";
import { filtersPanel, removeFilter, typedWhere } from "./filters.js";
import { howPanel } from "./how.js";
import { queryPanel } from "./query.js";
import { filterChips, moreButton, saveMenu, wall } from "./results.js";
import { steerPanel, trail } from "./steer.js";
import { isSteered, isWeighed, NOT_STEERED, steerRequest } from "./steer-state.js";
import { all, chosen, DEFAULT_K, find, navigate, NO_PICTURE, onGalleries, queryKey, state, subscribe } from "./store.js";
import { whyDialog } from "./why.js";
import { markResults, wordsBox } from "./words.js";

const PANELS = "pentimento-panels";
const WALL = 30;
const MEASURING_MS = 500;
const TITLES = {
  ImageError: "This picture cannot be read", UnknownNameError: "There is nothing of that name", NotPreparedError: "This is not ready yet",
  StaleError: "This is out of date", DamagedFileError: "A file is damaged", UnavailableError: "This is not available here",
};

export function mount({ element, props, server, upload }) {
  const root = element.querySelector(".pm-search");
  let cards = [];
  let ticket = 0;
  let asked = "";

  const how = howPanel({ server });
  const steer = steerPanel();
  const steps = trail({ server });
  const query = queryPanel({ upload, server, mostBytes: props.max_upload_bytes, report: problem });
  const headline = h("h1", { class: "pm-headline" });
  const account = h("p", { class: "pm-account" });
  const note = h("p", { class: "pm-note" });
  const verdict = h("p", { class: "pm-verdict", hidden: true });
  const chips = h("div", { class: "pm-filter-chips" });
  const save = saveMenu(saveAs);
  const grid = wall({ label: "Results", onopen: (card) => navigate({ open: card.id }) });
  const more = moreButton(DEFAULT_K);
  const trouble = h("div", { class: "pm-trouble", hidden: true });
  const details = drawer({ server, results: () => cards, back: (id) => grid.focusId(id) });
  const why = whyDialog({ server, request, results: () => cards, back: (id) => grid.focusId(id) });
  const head = h("div", { class: "pm-results-head" }, h("div", { role: "status", "aria-live": "polite" }, headline, account, note), save);
  const results = h("section", { class: "pm-results", "aria-label": "Results", "aria-busy": "false" },
    h("div", { class: "pm-progress", "aria-hidden": "true" }),
    head, verdict, chips, steps.element, trouble, grid.element, h("div", { class: "pm-foot" }, more));
  const side = h("div", { class: "pm-side" }, wordsBox().element, query.element, h("div", { class: "pm-panels" }, steer.element, filtersPanel(), how.element));
  root.append(side, results, details.element, why.element,
    h("div", { class: "pm-dropzone", "aria-hidden": "true" }, h("span", { class: "pm-drop-new" }, "Drop the picture to search with it"),
      h("span", { class: "pm-drop-more" }, "Drop it here to add it to the query")));
  remember(side);

  async function follow() {
    const now = state();
    const entry = chosen();
    if (!entry || now.tab !== "search") return;
    const key = queryKey({ ...now, gallery: entry.address });
    if (key === asked) return;
    asked = key;
    const mine = ++ticket;
    const hasPicture = now.id !== null || Boolean(now.upload);
    waiting(true);
    try {
      const answer = await (hasPicture || now.words ? server.search(request()) : server.browse({ ...request(), k: WALL }));
      if (mine !== ticket) return;
      if (answer.measuring) wait(answer.measuring, mine);
      else if (answer.error) problem({ title: TITLES[answer.kind] ?? "That cannot be done", message: answer.error });
      else show(answer, hasPicture || Boolean(now.words), entry);
    } catch (error) {
      if (mine !== ticket) return;
      console.error(error);
      asked = "";
      problem({ title: "No answer", message: "The page's server did not answer. Is it still running? Then try again.", retry: true });
    } finally {
      if (mine === ticket) waiting(false);
    }
  }

  function request(extra = {}) {
    const now = state();
    return {
      gallery: chosen().address, id: now.id, path: now.upload?.path ?? null, index: now.index || chosen().default_index,
      k: Math.min(now.k, chosen().count),
      words: now.words, by: now.by, mix: now.mix, where: typedWhere(now.where, chosen().facets), knobs: now.knobs, region: now.region, quarter_turns: now.turns, mirrored: now.mirrored,
      steer: isSteered(now) ? steerRequest(now) : null, ...extra,
    };
  }

  function show(answer, hasPicture, entry) {
    const now = state();
    cards = answer.results;
    trouble.hidden = true;
    head.hidden = false;
    headline.textContent = answer.headline;
    account.textContent = answer.account;
    note.replaceChildren(...(answer.notice ? [h("strong", {}, answer.notice), " "] : []), entry.note ?? "");
    verdict.textContent = answer.words?.notes.join(" ") || (answer.confidence?.sentence ?? "");
    verdict.hidden = answer.words ? !verdict.textContent : answer.confidence?.is_match ?? true;
    chips.replaceChildren(...filterChips(now.where, entry.facets, removeFilter));
    if (answer.query) query.showStored(answer.query);
    const byPicture = now.id !== null || Boolean(now.upload);
    grid.show(cards, now.turns || now.mirrored || now.region ? null : now.id, byPicture);
    steps.remember(cards);
    markResults(grid.element, answer.words, cards);
    save.hidden = !hasPicture || !cards.length;
    more.hidden = !hasPicture || cards.length < now.k || cards.length >= answer.n_searched || now.k >= 500;
    how.said(hasPicture && answer.index !== "words" ? answer : null);
    if (!cards.length) nothing(answer);
    details.steps();
  }

  function nothing(answer) {
    verdict.hidden = true; // said below
    trouble.hidden = false;
    trouble.className = "pm-trouble pm-empty";
    const { words, where } = state();
    const filtered = Object.keys(where).length > 0;
    const [title, advice] = words
      ? ["No picture here has these words", `${answer.words.notes.join(" ")} ${filtered ? "Remove a filter, or try other words." : "Try other words, or fewer."}`]
      : ["No picture here passes these filters", "Remove one of them, or begin again without any."];
    trouble.replaceChildren(h("h2", {}, title), h("p", {}, advice),
      h("div", { class: "pm-actions" },
        words ? h("button", { type: "button", class: "pm-button", onclick: () => navigate({ words: "" }) }, "Remove the words") : null,
        filtered || !words ? h("button", { type: "button", class: "pm-button", onclick: () => navigate({ where: {} }) }, "Remove all filters") : null));
  }

  /** Say that colours and textures are being measured, and ask again; what was shown stays. */
  function wait({ done, total, left }, mine) {
    account.textContent = `Measuring the colours and textures of this gallery, once${total ? `: ${done.toLocaleString("en")} of ${total.toLocaleString("en")}` : ""}${left ? `, ${left} left` : ""} …`;
    setTimeout(() => {
      if (mine !== ticket || !isWeighed(state())) return;
      asked = "";
      follow();
    }, MEASURING_MS);
  }

  /** Show what went wrong, in the place of the results, with something to go on with. */
  function problem({ title, message, retry = false }) {
    cards = [];
    grid.show([]);
    head.hidden = true;
    headline.textContent = "";
    account.textContent = note.textContent = "";
    verdict.hidden = true;
    chips.replaceChildren();
    save.hidden = more.hidden = true;
    trouble.hidden = false;
    trouble.className = "pm-trouble pm-failed";
    const known = find(state().gallery || chosen()?.address) ?? all()?.[0];
    trouble.replaceChildren(h("div", { role: "alert" }, h("h2", {}, title), h("p", {}, message)),
      h("div", { class: "pm-actions" },
        isSteered(state()) ? h("button", { type: "button", class: "pm-button", onclick: () => navigate({ ...NOT_STEERED }) }, "Search without steering") : null,
        retry ? h("button", { type: "button", class: "pm-button pm-primary", onclick: follow }, "Try again") : null,
        h("button", { type: "button", class: "pm-button", onclick: query.choose }, "Choose another picture"),
        known ? h("button", { type: "button", class: "pm-button", onclick: () => again(known) }, `Look around in ${known.title}`) : null));
  }

  function again(known) {
    asked = "";
    navigate({ ...NO_PICTURE, words: "", by: "labels", gallery: known.address, index: "", where: {}, knobs: {} });
    follow();
  }

  function waiting(on) {
    results.setAttribute("aria-busy", String(on));
  }

  async function saveAs(kind) {
    waiting(true);
    try {
      const answer = await server.save(request({ kind }));
      if (answer.error) problem({ title: "That could not be saved", message: answer.error });
      else h("a", { href: answer.file, download: answer.name }).click();
    } finally {
      waiting(false);
    }
  }

  subscribe(follow);
  onGalleries(() => {
    const now = state();
    if (now.gallery && !find(now.gallery)) {
      problem({ title: "No such gallery", message: `There is no gallery “${now.gallery}” here. There are: ${all().map((entry) => entry.title).join(", ")}.` });
      return;
    }
    asked = "";
    follow();
    details.follow();
    why.follow();
    steps.follow();
  });
}

/** Keep panels open or closed as they were left. */
function remember(side) {
  let open = {};
  try {
    open = JSON.parse(localStorage.getItem(PANELS) ?? "{}");
  } catch {
    // storage is blocked or holds something else: panels begin closed
  }
  for (const panel of side.querySelectorAll("details[data-panel]")) {
    panel.open = Boolean(open[panel.dataset.panel]);
    panel.addEventListener("toggle", () => {
      open[panel.dataset.panel] = panel.open;
      try {
        localStorage.setItem(PANELS, JSON.stringify(open));
      } catch {
        // storage is blocked: nothing is remembered
      }
    });
  }
}
