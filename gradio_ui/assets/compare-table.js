// The columns: one for each index under the one query, a row for each true neighbour, an empty frame for each miss.

import { button, h } from "./dom.js";

const LIMIT = { codes: "stored codes whose distance was estimated", vectors: "stored vectors whose distance was computed exactly" };

/** Order columns as the view says; those that could not be used come last. */
export function ordered(columns, sort) {
  const compared = (one) => (one.compared ? one.compared.codes + one.compared.vectors : Infinity);
  const value = { recall: (one) => -one.recall, time: (one) => one.search_ms, memory: (one) => one.bytes, compared }[sort];
  return value ? [...columns].sort((one, other) => value(one) - value(other)) : columns;
}

/**
 * Build the table of an answer.
 * @param answer what `server.compare` gave; its columns are used in the order given
 * @param actions {onsort(name), onxray(index), oncell(kind, id, column), sort}
 */
export function comparisonTable(answer, columns, actions) {
  const wrong = columns.map((column) => column.results.filter((one) => !answer.truth.some((near) => near.id === one.image_id)));
  const extra = Math.max(0, ...wrong.map((list) => list.length));
  const caption = h("caption", { class: "pm-sr" },
    `What each index finds for this query: a row for each of the ${answer.truth.length} true neighbours, nearest first.`);
  return h("table", { class: "pm-compare-table", style: `--columns:${columns.length}` }, caption,
    h("thead", {}, headRow(answer, columns, actions), ...numberRows(answer, columns, actions)),
    h("tbody", {}, answer.truth.map((one, at) => truthRow(answer, columns, one, at, actions))),
    extra ? h("tbody", { class: "pm-compare-instead" }, h("tr", {}, h("th", { scope: "rowgroup", colspan: columns.length + 1 }, h("span", {}, "Found in the place of what was missed"))),
      Array.from({ length: extra }, (_, at) => h("tr", {}, h("th", { scope: "row" }),
        wrong.map((list, i) => h("td", {}, list[at] ? cell(answer, columns[i], list[at].image_id, "wrong", actions) : null))))) : null);
}

function headRow(answer, columns, { onxray }) {
  const settings = (column) => Object.entries(column.knobs).filter(([name]) => name !== "n_rerank").map(([name, value]) => `${name.replace("n_candidates", "candidates")} ${value}`).join(", ");
  const scanned = `all ${answer.n_searched.toLocaleString("en")} scanned`;
  return h("tr", { class: "pm-compare-names" }, h("td", { class: "pm-compare-corner" }), columns.map((column) => h("th", { scope: "col", title: column.summary },
    h("b", {}, column.index),
    h("span", { class: "pm-compare-knobs", title: column.is_scanned ? "The filters keep so few pictures that all of them are compared, whatever the settings say." : null }, column.is_scanned && Object.keys(column.knobs).length ? scanned : settings(column)),
    column.is_xrayed ? button("X-ray", { class: "pm-button pm-compare-xray", "aria-label": `X-ray of the search in ${column.index}`, onclick: () => onxray(column.index) }) : null)));
}

function numberRows(answer, columns, { onsort, sort }) {
  const best = (values, least) => values.reduce((found, one) => (one === null ? found : least ? Math.min(found, one) : Math.max(found, one)), least ? Infinity : -Infinity);
  const row = (key, label, unit, values, format, doc, least = true) => {
    const leading = key === "compared" || !key ? null : best(values, least); // few codes and few vectors are not better by themselves
    const name = h("span", {}, label, unit ? h("i", {}, unit) : null);
    return h("tr", { class: "pm-compare-number" },
      h("th", { scope: "row", title: doc }, key ? h("button", { type: "button", "aria-pressed": String(sort === key), title: `Sort by ${label}: ${doc}`, onclick: () => onsort(sort === key ? "listed" : key) }, name) : name),
      values.map((value) => h("td", { class: value && value === leading ? "pm-best" : value ? null : "pm-none" }, value === null ? "–" : format(value))));
  };
  const compared = (name) => columns.map((one) => (one.compared ? one.compared[name] : null));
  const whole = (value) => value.toLocaleString("en");
  return [
    row("recall", `recall@${answer.truth.length}`, "", columns.map((one) => one.recall), (value) => value.toFixed(2), "the share of the true neighbours of this query that were found", false),
    row("time", "time", "ms", columns.map((one) => one.search_ms), milliseconds, "of the search in the index alone, the fastest of two or three"),
    row("memory", "memory", "MB", columns.map((one) => one.bytes), megabytes, "bytes of all its arrays"),
    row("compared", "codes", "", compared("codes"), whole, LIMIT.codes),
    row("", "vectors", "", compared("vectors"), whole, LIMIT.vectors),
  ];
}

function truthRow(answer, columns, one, at, actions) {
  return h("tr", {}, h("th", { scope: "row" }, h("span", { class: "pm-compare-rank" }, String(at + 1)), h("span", { class: "pm-compare-near", title: "exact cosine" }, one.similarity.toFixed(3).replace(/^(-?)0\./, "$1."))),
    columns.map((column) => h("td", {}, cell(answer, column, one.id, column.missed.includes(one.id) ? "missed" : "found", actions))));
}

function cell(answer, column, id, kind, { oncell }) {
  const card = answer.pictures[id];
  const rank = column.results.find((one) => one.image_id === id)?.rank;
  const words = { found: `found by ${column.index}, rank ${rank}`, missed: `missed by ${column.index}`, wrong: `found by ${column.index} in the place of a nearer one` }[kind];
  return h("button", { type: "button", class: `pm-compare-cell pm-is-${kind}`, "data-id": id, "data-index": column.index, "data-kind": kind, tabindex: -1, "aria-label": `${card.alt}, ${words}`,
    onclick: () => oncell(kind, id, column, true), onpointerenter: (event) => event.pointerType === "mouse" && oncell(kind, id, column, false), onfocus: () => oncell(kind, id, column, false) },
  h("img", { src: card.thumbnail, alt: "", loading: "lazy", width: card.width, height: card.height, draggable: false }),
  kind === "missed" ? h("span", { class: "pm-compare-hole", "aria-hidden": "true" }, "missed") : null);
}

/** Let the arrow keys walk from cell to cell of a table; one of them is in the order of the Tab key. */
export function walkable(table) {
  const cells = () => [...table.querySelectorAll(".pm-compare-cell")];
  const first = cells()[0];
  if (first) first.tabIndex = 0;
  table.addEventListener("keydown", (event) => {
    const here = event.target.closest(".pm-compare-cell");
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!here || !step) return;
    event.preventDefault();
    const rows = [...table.querySelectorAll("tbody tr")].filter((row) => row.querySelector(".pm-compare-cell"));
    let at = rows.indexOf(here.closest("tr")), column = here.closest("td").cellIndex;
    for (;;) {
      at += step[1];
      column += step[0];
      if (!rows[at] || column < 1 || column >= rows[0].cells.length) return;
      const next = rows[at].cells[column]?.querySelector(".pm-compare-cell");
      if (!next) continue;
      cells().forEach((one) => (one.tabIndex = one === next ? 0 : -1));
      next.focus();
      next.scrollIntoView({ block: "nearest", inline: "nearest" });
      return;
    }
  });
}

/** Milliseconds with as many digits as are worth reading. */
export function milliseconds(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function megabytes(value) {
  const millions = value / 1e6;
  return millions >= 100 ? millions.toFixed(0) : millions >= 10 ? millions.toFixed(1) : millions.toFixed(2);
}
