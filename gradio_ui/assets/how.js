// How the search is done: number of results, index, its knobs, and the engineer's words for the last search.

import { dialLine } from "./dial-line.js";
import { bytes, debounced, h } from "./dom.js";
import { chosen, DEFAULT_K, navigate, onGalleries, state, subscribe } from "./store.js";

/** Build the panel; `said(outcome)` tells it about the last search. */
export function howPanel({ server }) {
  const count = h("input", { type: "number", min: 1, max: 500, step: 1, value: String(DEFAULT_K), onchange: () => results(count.value) });
  const index = h("select", { onchange: () => navigate({ index: index.value === chosen()?.default_index ? "" : index.value, knobs: {} }) });
  const knobs = h("div", { class: "pm-knobs" });
  const facts = h("dl", { class: "pm-facts" });
  const dial = dialLine({ server });
  const element = h("details", { class: "pm-panel", "data-panel": "how" }, h("summary", {}, "How"),
    h("div", { class: "pm-panel-body" },
      h("label", { class: "pm-field" }, h("span", {}, "Number of results"), count),
      h("label", { class: "pm-field" }, h("span", {}, "Index"), index), knobs, dial.element, facts));
  let drawnFor = null;
  let knobsFor = "";

  function results(text) {
    const value = Math.floor(Number(text));
    navigate({ k: value >= 1 ? Math.min(500, value) : DEFAULT_K });
    count.value = String(state().k);
  }

  function draw() {
    const entry = chosen();
    if (!entry) return;
    drawnFor = entry;
    index.replaceChildren(...entry.indexes.map((one) =>
      h("option", { value: one.name, disabled: !one.available, title: one.reason || null },
        one.available ? `${one.name}  (${bytes(one.bytes)})` : `${one.name}: ${one.reason}`)));
    mark();
  }

  function mark() {
    const now = state();
    count.value = String(now.k);
    index.value = now.index || chosen()?.default_index || "";
    const key = `${chosen()?.address} ${index.value}`;
    if (key !== knobsFor) askKnobs(key);
    else for (const input of knobs.querySelectorAll("input")) if (input !== document.activeElement) input.value = String(now.knobs[input.name] ?? input.dataset.default);
  }

  async function askKnobs(key) {
    knobsFor = key;
    const answer = await server.knobs({ gallery: chosen().address, index: index.value });
    if (knobsFor !== key) return;
    knobs.replaceChildren(...(answer.knobs ?? []).map((knob) => {
      return h("label", { class: "pm-field" },
        h("span", {}, knob.name, h("small", {}, knob.doc)),
        h("input", { type: "number", name: knob.name, min: knob.low, max: knob.high, step: knob.whole ? 1 : "any", "data-default": String(knob.default),
          value: String(state().knobs[knob.name] ?? knob.default), onchange: (event) => turn(knob, event.target.value) }));
    }));
  }

  const turn = debounced((knob, text) => {
    const next = { ...state().knobs };
    if (text === "" || Number(text) === knob.default) delete next[knob.name];
    else next[knob.name] = Math.min(knob.high, Math.max(knob.low, knob.whole ? Math.round(Number(text)) : Number(text)));
    navigate({ knobs: next });
  }, 0);

  onGalleries(draw);
  subscribe(() => (chosen() === drawnFor ? mark() : draw()));
  return {
    element,
    said(outcome) {
      dial.said(outcome);
      const rows = outcome ? [
        ["Encoder", outcome.encoder], ["Index", outcome.index], ["Searched", outcome.n_searched.toLocaleString("en")],
        ...Object.entries(outcome.timings_ms).map(([name, value]) => [name[0].toUpperCase() + name.slice(1), `${value.toFixed(2)} ms`]),
        ["Distance", "squared L2; similarity is the exact cosine"],
        ...(outcome.confidence ? [["Best match", outcome.confidence.sentence]] : []),
      ] : [];
      facts.replaceChildren(...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    },
  };
}
