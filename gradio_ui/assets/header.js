// The header: wordmark, gallery chips, light and dark. Keeps Gradio's tabs and the gallery's value in step with the URL.

import { button, closing, h, icon } from "./dom.js";
import { all, chosen, navigate, NO_PICTURE, onGalleries, setGalleries, state, subscribe } from "./store.js";
import { follow } from "./theme.js";

let tabs = [];
let send = () => {};

/** Tabs that take a picture: {id, accepts}. */
export function takers() {
  return tabs.filter((tab) => tab.accepts);
}

/** Send a picture to another tab and open it. `picture`: {gallery, image_id} or {path, name}. */
export function sendTo(tab, picture) {
  send("send", { tab, picture: { ...picture, nonce: Date.now() } });
  navigate({ tab, open: null });
}

export async function mount({ element, trigger, props, server }) {
  send = trigger;
  const root = element.querySelector(".pm-header");
  const chips = h("div", { class: "pm-chips", role: "radiogroup", "aria-label": "Gallery" });
  const dark = button("Dark", { iconName: "moon", quiet: true, class: "pm-tool pm-theme" });
  const setDark = follow((isDark) => {
    dark.setAttribute("aria-pressed", String(isDark));
    dark.replaceChildren(icon(isDark ? "sun" : "moon"));
    dark.title = isDark ? "Switch to light" : "Switch to dark";
  });
  dark.setAttribute("aria-label", "Dark colours");
  dark.addEventListener("click", () => setDark(dark.getAttribute("aria-pressed") !== "true"));
  root.append(h("a", { class: "pm-wordmark", href: location.pathname, onclick: home }, "Pentimento"), chips, adding(), dark);

  onGalleries(() => draw(chips));
  subscribe((now, before) => {
    if (now.gallery !== before.gallery) draw(chips);
    if (chosen() && props.value !== chosen().address) props.value = chosen().address;
    showTab(now.tab);
  });
  const answer = await server.galleries(null);
  if (answer.error) {
    chips.replaceChildren(h("span", { class: "pm-warning", role: "alert" }, answer.error));
    return;
  }
  tabs = answer.tabs;
  setGalleries(answer.galleries, answer.default);
  if (chosen() && props.value !== chosen().address) props.value = chosen().address;
  followTabs();
}

function home(event) {
  event.preventDefault();
  navigate({ ...NO_PICTURE, tab: "search", where: {}, knobs: {}, index: "" });
}

function draw(chips) {
  const list = all();
  const current = chosen();
  const sets = new Map();
  for (const entry of list) sets.set(entry.dataset, (sets.get(entry.dataset) ?? 0) + 1);
  chips.replaceChildren(
    ...list.map((entry) =>
      h("label", { class: "pm-chip", title: entry.ready ? entry.note || entry.address : entry.message },
        h("input", {
          type: "radio", name: "pm-gallery", value: entry.address, checked: entry === current, disabled: !entry.ready,
          onchange: () => navigate({ ...NO_PICTURE, gallery: entry.address, index: "", where: {}, knobs: {} }),
        }),
        h("span", { class: "pm-chip-name" }, entry.title, sets.get(entry.dataset) > 1 ? h("small", {}, ` ${entry.encoder}`) : null),
        h("span", { class: "pm-chip-count" }, entry.count.toLocaleString("en"))),
    ),
  );
}

function adding() {
  return closing(h("details", { class: "pm-adding" },
    h("summary", { class: "pm-tool", title: "Add your own pictures", "aria-label": "Add your own pictures" }, "+"),
    h("div", { class: "pm-popover" },
      h("strong", {}, "Add your own pictures"),
      h("p", {}, "In a terminal, in Pentimento's folder:"),
      h("pre", { tabindex: "0" }, "python -m core data import FOLDER --name mine\npython -m core index mine"),
      h("p", {}, "Pictures stay where they are; the names of folders become labels. Then reload this page."))));
}

/** A tab's button; where the page is narrow, its entry in the menu of those that have no room, which knows only titles. */
function tabButton(id) {
  const title = tabs.find((tab) => tab.id === id)?.title;
  return document.querySelector(`#pm-tabs button[role="tab"][data-tab-id="${id}"]`)
    ?? [...document.querySelectorAll("#pm-tabs .overflow-dropdown button")].find((entry) => entry.textContent.trim() === title);
}

/** Show a tab, and say whether it was shown already. */
function showTab(id) {
  const wanted = tabButton(id);
  const isShown = wanted?.getAttribute("aria-selected") === "true" || wanted?.classList.contains("selected");
  if (wanted && !isShown) wanted.click();
  return isShown;
}

async function followTabs() {
  document.addEventListener("click", (event) => {
    if (!event.composedPath().some((one) => one.id === "pm-tabs")) return;
    const entry = event.target.closest?.(".overflow-dropdown button");
    const id = entry ? tabs.find((tab) => tab.title === entry.textContent.trim())?.id : event.target.closest?.('button[role="tab"]')?.dataset.tabId;
    if (id && id !== state().tab) navigate({ tab: id });
  });
  // On a busy machine Gradio may not have drawn its tabs yet, or not listen to them.
  for (let tries = 0; tries < 300 && !showTab(state().tab); tries++) await new Promise((done) => setTimeout(done, 100));
}
