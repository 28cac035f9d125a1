// Steering in the page: the panel with what counts how much, and the trail of small pictures with undo and redo.

import { button, debounced, h, icon } from "./dom.js";
import { isSteered, isWeighed, NOT_STEERED, pressed, upTo } from "./steer-state.js";
import { chosen, navigate, searchStored, state, subscribe } from "./store.js";

const SLIDING_MS = 140;
const NAMES = ["What it shows", "Colour", "Texture"];
const SAID = [
  "Subject, forms, composition: the network's description",
  "Shares of colours that both pictures have",
  "Grain, brushwork, edges: patterns of neighbouring pixels",
];

/** Move the search towards a picture (+1) or away from it (-1); without a query the picture becomes the query. */
export function press(id, sign) {
  const now = state();
  if (now.id === null && !now.upload) {
    if (sign > 0) searchStored(now.gallery, id);
    return;
  }
  navigate({ steps: pressed(now.steps, id, sign), undone: [], open: null, why: null });
}

/** Undo (-1) or redo (+1) one step. */
export function walkTrail(way) {
  const { steps, undone } = state();
  const count = steps.length + way;
  if (count >= 0 && count <= steps.length + undone.length) navigate(upTo(count, steps, undone));
}

/** Build the panel: sliders for what counts, variety, near-duplicates. */
export function steerPanel() {
  const count = h("span", { class: "pm-tally" });
  const sliders = NAMES.map((name, at) => slider(name, SAID[at], (value) => ({ weights: state().weights.map((weight, one) => (one === at ? value : weight)) })));
  const variety = slider("More different", "0: the most alike first. Further right: each picture also unlike those before it", (value) => ({ variety: value }));
  const nodup = h("input", { type: "checkbox", onchange: () => navigate({ nodup: nodup.checked }) });
  const note = h("p", { class: "pm-hint", "aria-live": "polite" });
  const reset = button("Reset", { onclick: () => navigate({ weights: NOT_STEERED.weights, variety: 0, nodup: false }) });
  const element = h("details", { class: "pm-panel", "data-panel": "steer" }, h("summary", {}, "Steer", count),
    h("div", { class: "pm-panel-body pm-steer" },
      h("fieldset", { class: "pm-facet" }, h("legend", {}, "What counts"), sliders.map((one) => one.element)),
      h("fieldset", { class: "pm-facet" }, h("legend", {}, "Variety"), variety.element,
        h("label", { class: "pm-choice" }, nodup, h("span", {}, "Hide near-duplicates"))),
      note, reset));

  function slider(name, said, change) {
    const shown = h("output", { class: "pm-number" });
    let sliding = false; // further moves belong to the same step of the history
    const tell = debounced(() => {
      const changes = change(Number(input.value) / 100);
      if (changes.weights && !changes.weights.some((weight) => weight > 0)) return;
      navigate(changes, { replace: sliding });
      sliding = true;
    }, SLIDING_MS);
    const input = h("input", { type: "range", min: "0", max: "100", step: "5", "aria-label": name, title: said,
      oninput: () => {
        shown.textContent = input.value;
        tell();
      },
      onchange: () => setTimeout(() => (sliding = false), SLIDING_MS + 20) });
    const element = h("label", { class: "pm-slider", title: said }, h("span", {}, name), shown, input);
    return { element, set(value) {
      if (document.activeElement === input && sliding) return;
      input.value = shown.textContent = String(Math.round(value * 100));
    } };
  }

  function follow() {
    const now = state();
    now.weights.forEach((weight, at) => sliders[at].set(weight));
    variety.set(now.variety);
    nodup.checked = now.nodup;
    const parts = Number(isWeighed(now)) + Number(now.variety > 0) + Number(now.nodup);
    count.textContent = parts ? String(parts) : "";
    reset.disabled = !parts && now.weights.every((weight, at) => weight === NOT_STEERED.weights[at]);
  }

  subscribe(follow);
  follow();
  return {
    element,
    said(outcome) {
      const many = outcome?.n_candidates ?? 0;
      if (!outcome) note.textContent = "Choose a picture first; these then change what is put beside it.";
      else note.textContent = many && many < outcome.n_searched
        ? `Chosen among the ${many.toLocaleString("en")} that are most alike in what they show.` : "";
    },
  };
}

/** Build the trail: the query, then every plus and minus; a press goes back or forward to that step. */
export function trail({ server }) {
  const list = h("ol", { class: "pm-trail-steps" });
  const undo = button("Undo", { iconName: "left", quiet: true, "aria-keyshortcuts": "Control+Z", onclick: () => walkTrail(-1) });
  const redo = button("Redo", { iconName: "right", quiet: true, "aria-keyshortcuts": "Control+Shift+Z", onclick: () => walkTrail(1) });
  const clear = button("Clear steps", { onclick: () => navigate({ steps: [], undone: [] }) });
  const element = h("nav", { class: "pm-trail", "aria-label": "Steps of steering", hidden: true }, list, h("div", { class: "pm-tools" }, undo, redo, clear));
  const known = new Map(); // "gallery id" -> card
  const keyOf = (id) => `${chosen()?.address} ${id}`;

  async function follow() {
    const { steps, undone } = state();
    const all = [...steps, ...undone];
    element.hidden = !all.length;
    undo.disabled = !steps.length;
    redo.disabled = !undone.length;
    if (!all.length || !chosen()) return;
    draw();
    const absent = [state().id, ...all.map(([id]) => id)].filter((id) => id !== null).filter((id) => !known.has(keyOf(id)));
    if (!absent.length) return;
    const answer = await server.cards({ gallery: chosen().address, ids: absent });
    for (const card of answer.cards ?? []) known.set(keyOf(card.id), card);
    if (answer.cards?.length) draw();
  }

  function draw() {
    const { steps, undone } = state();
    const all = [...steps, ...undone];
    list.replaceChildren(
      h("li", {}, h("button", { type: "button", class: "pm-trail-step pm-trail-start", "aria-current": steps.length ? null : "step", title: "Back to the query alone",
        "aria-label": "Start: the query alone", onclick: () => navigate(upTo(0, steps, undone)) },
        known.has(keyOf(state().id)) ? h("img", { src: known.get(keyOf(state().id)).thumbnail, alt: "", width: 44, height: 44 }) : "Start")),
      ...all.map(([id, sign], at) => {
        const card = known.get(keyOf(id));
        const way = sign > 0 ? "more like" : "less like";
        const label = `Step ${at + 1}: ${way} ${card?.alt ?? `picture ${id}`}${at < steps.length ? "" : ", undone"}`;
        return h("li", { class: at < steps.length ? "" : "pm-trail-undone" },
          h("button", { type: "button", class: "pm-trail-step", title: label, "aria-label": label, "aria-current": at === steps.length - 1 ? "step" : null,
            onclick: () => navigate(upTo(at + 1, steps, undone)) },
          card ? h("img", { src: card.thumbnail, alt: "", width: 44, height: 44 }) : null,
          h("span", { class: `pm-sign ${sign > 0 ? "pm-sign-plus" : "pm-sign-minus"}`, "aria-hidden": "true" }, icon(sign > 0 ? "plus" : "minus"))));
      }));
  }

  document.addEventListener("keydown", (event) => {
    if (state().tab !== "search" || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    if (event.target.closest?.("input:not([type=range], [type=checkbox]), textarea") || document.querySelector("dialog[open]")) return;
    if (!state().steps.length && !state().undone.length) return;
    event.preventDefault();
    walkTrail(event.shiftKey ? 1 : -1);
  });
  subscribe(follow);
  return {
    element,
    follow,
    remember(cards) {
      for (const card of cards) known.set(keyOf(card.id), card);
    },
  };
}

export { isSteered };
