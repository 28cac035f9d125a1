// The recall dial in two lines, for the panel that says how a search is done: what this search missed, what to take.

import { call, milliseconds, share, words } from "./dial-model.js";
import { button, h } from "./dom.js";
import { chosen, navigate, state } from "./store.js";

const TARGET = 0.95;
const DEPTH = 10;

/** Make the lines; they ask the server only while the <details> that they stand in is open. */
export function dialLine({ server }) {
  const mine = h("p", { role: "status" }), advice = h("p");
  const more = h("button", { type: "button", class: "pm-link", onclick: () => navigate({ tab: "benchmark" }) }, "Turn the recall dial");
  const element = h("div", { class: "pm-dial-line", hidden: true }, mine, advice, h("div", { class: "pm-dial-actions" }, more));
  let outcome = null, ticket = 0;

  async function follow() {
    const panel = element.closest("details");
    if (panel && !panel.dataset.dial) {
      panel.dataset.dial = "followed";
      panel.addEventListener("toggle", follow);
    }
    const ticketed = ++ticket, now = state(), gallery = chosen()?.address;
    element.hidden = !outcome || (now.id === null && !now.upload); // words alone are no query that can be compared
    if (element.hidden || !panel?.open) return;
    const query = { id: now.id, path: now.upload?.path ?? null, region: now.region, quarter_turns: now.turns, mirrored: now.mirrored };
    const [reading, found] = await Promise.all([
      call(server.dial_read({ gallery, key: outcome.index, knobs: outcome.knobs ?? now.knobs, ...query })),
      call(server.dial_advice({ gallery, target: TARGET, k: DEPTH })),
    ]);
    if (ticketed !== ticket) return;
    const k = Object.keys(reading.recall ?? {}).filter((one) => Number(one) <= DEPTH).at(-1);
    const filtered = Object.keys(now.where).length ? " in the whole gallery" : "";
    mine.textContent = reading.error ?? `With this setting ${Math.round(reading.recall[k] * k)} of the ${k} nearest${filtered} are found, in ${milliseconds(reading.search_ms)}; comparing with all takes ${milliseconds(reading.exact_ms)}.`;
    const best = found.built;
    advice.hidden = !best?.reached;
    more.textContent = found.error ? "Measure all settings" : "Turn the recall dial";
    if (!best?.reached) return;
    advice.replaceChildren(`For ${share(TARGET)} on average: `, h("strong", {}, words(best.key, best.knobs)), `, ${milliseconds(best.p50_ms)}. `,
      best.index === outcome.index && JSON.stringify(best.knobs) === JSON.stringify(now.knobs) ? ""
        : button("Use it", { onclick: () => navigate({ index: best.index === chosen().default_index ? "" : best.index, knobs: { ...best.knobs } }) }));
  }

  return {
    element,
    /** Tell it about the last search; null: there was none. */
    said(last) {
      outcome = last;
      follow();
    },
  };
}
