// What became of each true neighbour: its distance by code against the true one, and where it was lost.

import { button, h } from "./dom.js";

const WORDS = { found: "found", list: "list not probed", code: "code too coarse", "list and code": "list not probed, code too coarse", "re-ranking": "lost in re-ranking" };

/**
 * Build the list of true neighbours of a look into a search.
 * @param data what `server.xray` gave
 * @param actions {probe(n), table(id)}
 */
export function lostList(data, { probe, table }) {
  const rows = data.neighbours;
  const others = data.results.filter((one) => !rows.some((near) => near.image_id === one.id));
  const values = [...rows.flatMap((one) => [one.exact, one.approximate, one.cutoff ?? 0]), ...others.flatMap((one) => [one.exact, one.approximate])];
  const high = 1.05 * Math.max(...values, 1e-9);
  const at = (value) => `${Math.min(100, (100 * value) / high)}%`;
  const chart = (one) => h("span", { class: "pm-xray-dumbbell", role: "img", "aria-label": `true distance ${one.exact.toFixed(4)}, by its code ${one.approximate.toFixed(4)}${one.cutoff ? `, cut-off ${one.cutoff.toFixed(4)}` : ""}` },
    h("i", { class: "pm-between", style: `left:${at(Math.min(one.exact, one.approximate))};width:${(100 * Math.abs(one.exact - one.approximate)) / high}%` }),
    one.cutoff ? h("i", { class: "pm-cutoff", style: `left:${at(one.cutoff)}` }) : null,
    h("i", { class: "pm-exact", style: `left:${at(one.exact)}` }), h("i", { class: "pm-by-code", style: `left:${at(one.approximate)}` }));
  const row = (one, id, words, sentence, isLost, action) => h("li", { class: isLost ? "pm-is-lost" : null, "data-id": id },
    h("span", { class: "pm-xray-rank" }, one.rank ? String(one.rank) : "–"),
    h("button", { type: "button", class: "pm-xray-thumb", "aria-label": `Table of ${data.pictures[id].alt}`, title: "Show its code in the look-up table", onclick: () => table(id) },
      h("img", { src: data.pictures[id].thumbnail, alt: "" })),
    h("span", { class: "pm-xray-said" }, h("b", {}, words), sentence ? h("span", {}, sentence) : null, action),
    chart(one), h("span", { class: "pm-xray-two" }, h("span", {}, one.exact.toFixed(4)), h("span", {}, one.approximate.toFixed(4))));
  return h("div", { class: "pm-xray-fates" },
    h("p", { class: "pm-xray-key", "aria-hidden": "true" }, h("span", { class: "pm-exact-key" }, "true distance"), h("span", { class: "pm-code-key" }, "by its code"), h("span", { class: "pm-cutoff-key" }, "cut-off")),
    h("ol", {}, rows.map((one) => row(one, one.image_id, WORDS[one.verdict], one.verdict === "found" ? "" : `${capital(one.sentence)}.`, one.verdict !== "found",
      one.verdict === "list" ? button(`Probe ${one.list_rank} lists`, { class: "pm-button pm-xray-do", onclick: () => probe(one.list_rank) }) : null))),
    others.length ? [h("h4", {}, `Returned in the place of ${others.length === 1 ? "the lost one" : `the ${others.length} lost ones`}`),
      h("ol", {}, others.map((one) => row(one, one.id, "not a true neighbour", `Its code is ${Math.abs(one.approximate - one.exact).toFixed(4)} too ${one.approximate < one.exact ? "near" : "far"}.`, false, null)))] : null);
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
