// The results: one line that says what was done, and justified rows that the arrow keys walk.

import { button, closing, h, icon } from "./dom.js";
import { justify } from "./justify.js";
import { press } from "./steer.js";
import { signOf } from "./steer-state.js";
import { navigate, searchStored, state } from "./store.js";

const SIMILARITY = "Similarity: the cosine of the angle between the two pictures' descriptions by the network. 1 is the same picture, 0 has nothing in common.";
const GAP = 12;
const LABEL_PX = 44;

const ASPECTS = [["content", "what it shows"], ["colour", "colour"], ["texture", "texture"]];

/** What a percentile means, in a sentence; empty where it is not known. */
export function percentileSaid(percentile) {
  if (percentile === null || percentile === undefined) return "";
  const share = percentile >= 99.95 ? "99.9" : percentile.toFixed(percentile >= 99 ? 1 : 0);
  return `More alike than ${share} % of random pairs in this gallery.`;
}

/** Draw three scores as small bars: what counts when colour or texture are weighed. */
export function scoreBars(scores) {
  const said = ASPECTS.map(([name, text]) => `${text} ${scores[name].toFixed(2)}`).join(", ");
  return h("span", { class: "pm-similarity pm-scores", title: `In common: ${said}. Sorted by the weighed mean of the ranks.` },
    ASPECTS.map(([name]) => h("span", { class: "pm-bar", "aria-hidden": "true" }, h("span", { style: `width:${Math.max(0, Math.min(1, scores[name])) * 100}%` }))),
    h("span", { class: "pm-sr" }, said));
}

/** Draw a similarity as a small bar with its number. */
export function similarityBar(value, exact = true, percentile = null) {
  const text = value.toFixed(value > 0.9995 ? 2 : 3).replace(/^(-?)0\./, "$10.");
  return h("span", { class: "pm-similarity", title: [percentileSaid(percentile), SIMILARITY, exact ? "" : "Approximate."].filter(Boolean).join(" ") },
    h("span", { class: "pm-bar", "aria-hidden": "true" }, h("span", { style: `width:${Math.max(0, Math.min(1, value)) * 100}%` })),
    h("span", { class: "pm-number" }, h("span", { class: "pm-sr" }, "similarity "), text));
}

/** Draw a caption: artist, title in italics, date; and the second line where there is room. */
export function captionOf(caption, { full = false } = {}) {
  return h("span", { class: "pm-caption" },
    h("span", { class: "pm-first" },
      caption.lead ? [h("b", {}, caption.lead), ", "] : null, h("i", {}, caption.title), caption.date ? `, ${caption.date}` : null),
    full && caption.second ? h("span", { class: "pm-second" }, caption.second) : null);
}

/** Build a wall of pictures. `element` is the list; `show(cards)` draws them, `mark` is the id of the query itself. */
export function wall({ label, onopen }) {
  const list = h("ul", { class: "pm-wall", "aria-label": label });
  let cards = [];
  let rows = [];
  let widthPx = 0;
  let queryId = null;
  let asked = false; // there is a query picture, so that results can be explained and steered

  function cell(card, mark) {
    const isQuery = card.id === mark || state().also.some((one) => one.id === card.id);
    const open = h("button", { type: "button", class: "pm-open", "data-id": card.id, tabindex: -1,
      "aria-label": `${card.rank ? `${card.rank}. ` : ""}${card.alt}${card.similarity === undefined ? "" : `, similarity ${card.similarity.toFixed(3)}`}`,
      onclick: () => onopen(card) },
    h("img", { src: card.thumbnail, alt: "", loading: card.eager ? "eager" : "lazy", decoding: "async" }));
    const sign = signOf(state().steps, card.id);
    const act = (label, iconName, onclick, more = {}) => button(label, { iconName, quiet: true, tabindex: -1, title: label,
      ...more, class: `pm-tool pm-act ${more.class ?? ""}`, "aria-label": `${label}: ${card.alt}`, onclick });
    const steers = asked && !isQuery;
    const acts = h("div", { class: "pm-acts" },
      steers ? h("button", { type: "button", class: "pm-tool pm-act pm-why-it", tabindex: -1, title: "Why similar (w)", "aria-label": `Why similar: ${card.alt}`,
        onclick: () => navigate({ why: card.id }) }, "Why") : null,
      steers ? act("More like this", "plus", () => press(card.id, 1), { "aria-pressed": String(sign > 0), title: "More like this (+)" }) : null,
      steers ? act("Less like this", "minus", () => press(card.id, -1), { title: "Less like this (−)" }) : null,
      act("Search with this", "search", () => searchStored(state().gallery, card.id), { class: "pm-with" }));
    const { lead, title, date, second } = card.caption;
    const what = lead ? [h("i", {}, title), date ? `, ${date}` : ""] : [second];
    const below = h("div", { class: "pm-label" }, h("span", { class: "pm-who" }, lead ? h("b", {}, lead) : title),
      card.scores ? scoreBars(card.scores) : card.similarity === undefined ? null : similarityBar(card.similarity, true, card.percentile),
      h("span", { class: "pm-what" }, what));
    return h("li", { class: "pm-cell", "data-rank": card.rank ?? null },
      h("div", { class: "pm-frame" }, open, acts, isQuery ? h("span", { class: "pm-mark" }, "the query") : sign > 0 ? h("span", { class: "pm-mark", title: "More like this" }, "+") : null,
        h("div", { class: "pm-over", "aria-hidden": "true" }, captionOf(card.caption, { full: true }))), below);
  }

  function layOut(width = list.clientWidth) {
    widthPx = width;
    if (!widthPx || !cards.length) return;
    rows = justify(cards.map((card) => card.width / card.height), widthPx, widthPx < 560 ? 150 : 208, GAP);
    for (const row of rows) {
      for (const { index, width } of row.items) {
        const element = list.children[index];
        const height = Math.round(row.height);
        element.style.width = `${width}px`;
        const image = element.querySelector("img");
        image.width = width;
        image.height = height;
        element.firstElementChild.style.height = `${height}px`;
        element.style.minHeight = `${height + LABEL_PX}px`;
      }
    }
  }

  /** Let Tab go from one picture to its actions, and not to those of all others. */
  function reach(index) {
    [...list.children].forEach((one, at) => one.querySelectorAll(".pm-act").forEach((tool) => (tool.tabIndex = at === index ? 0 : -1)));
  }

  const buttons = () => [...list.querySelectorAll(".pm-open")];
  function focusAt(index) {
    const all = buttons();
    if (!all.length) return;
    const at = Math.min(all.length - 1, Math.max(0, index));
    all.forEach((one, i) => (one.tabIndex = i === at ? 0 : -1));
    reach(at);
    all[at].focus();
    all[at].scrollIntoView({ block: "nearest" });
  }

  list.addEventListener("keydown", (event) => {
    if (!event.target.classList.contains("pm-open")) return;
    const now = buttons().indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) focusAt(now + step);
    else if (event.key === "Home") focusAt(0);
    else if (event.key === "End") focusAt(cards.length - 1);
    else if (asked && cards[now].id !== queryId && (event.key === "+" || event.key === "=")) press(cards[now].id, 1);
    else if (asked && cards[now].id !== queryId && (event.key === "-" || event.key === "−")) press(cards[now].id, -1);
    else if (asked && cards[now].id !== queryId && event.key === "w" && !event.ctrlKey && !event.metaKey) navigate({ why: cards[now].id });
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") focusAt(neighbour(now, event.key === "ArrowDown" ? 1 : -1));
    else return;
    event.preventDefault();
  });

  function neighbour(now, way) {
    const rowOf = rows.findIndex((row) => row.items.some(({ index }) => index === now));
    const next = rows[rowOf + way];
    if (!next) return now;
    const middle = (index) => list.children[index].offsetLeft + list.children[index].offsetWidth / 2;
    return next.items.reduce((best, { index }) => (Math.abs(middle(index) - middle(now)) < Math.abs(middle(best) - middle(now)) ? index : best), next.items[0].index);
  }

  new ResizeObserver(() => list.clientWidth !== widthPx && layOut()).observe(list);
  return {
    element: list,
    /** Draw cards; `mark` is the id of the query itself, `hasQuery` whether they were found by a picture. */
    show(next, mark = null, hasQuery = false) {
      const held = list.contains(document.activeElement) ? document.activeElement.closest(".pm-cell").querySelector(".pm-open").dataset.id : null;
      asked = hasQuery;
      queryId = mark;
      cards = next.map((card, index) => ({ ...card, eager: index < 8 }));
      list.replaceChildren(...cards.map((card) => cell(card, mark)));
      const first = list.querySelector(".pm-open");
      if (first) first.tabIndex = 0;
      reach(0);
      layOut(widthPx || undefined); // to read the width now would lay all cells out without their sizes first
      if (held !== null && cards.length) focusAt(Math.max(0, buttons().findIndex((one) => one.dataset.id === held)));
    },
    focusId(id) {
      focusAt(buttons().findIndex((one) => one.dataset.id === String(id)));
    },
  };
}

/** The menu that saves results as files. `save(kind)` makes the file. */
export function saveMenu(save) {
  const item = (kind, label, note) =>
    h("button", { type: "button", class: "pm-menu-item", onclick: () => ((menu.open = false), save(kind)) }, h("strong", {}, label), h("span", {}, note));
  const menu = h("details", { class: "pm-save" },
    h("summary", { class: "pm-button" }, icon("save"), h("span", {}, "Save")),
    h("div", { class: "pm-popover" },
      item("csv", "Table (CSV)", "ranks, similarity, metadata"),
      item("json", "Everything (JSON)", "as the command line gives it"),
      item("zip", "Pictures (ZIP)", "originals with a manifest")));
  return closing(menu);
}

/** Active filters as chips that are removed by a press. */
export function filterChips(where, facets, remove) {
  const chips = [];
  const chip = (name, title, text, value) =>
    chips.push(h("button", { type: "button", class: "pm-filter-chip", "aria-label": `Remove filter ${title}: ${text}`, onclick: () => remove(name, value) },
      h("span", {}, `${title}: ${text}`), icon("close")));
  for (const [name, value] of Object.entries(where)) {
    const title = facets.find((facet) => facet.name === name)?.title ?? name;
    if (Array.isArray(value)) value.forEach((one) => chip(name, title, String(one), one));
    else chip(name, title, value.min === undefined ? `up to ${value.max}` : value.max === undefined ? `from ${value.min}` : `${value.min} to ${value.max}`);
  }
  return chips;
}

/** A button that asks for more results, past k. */
export function moreButton(step) {
  return button("Show more", { iconName: "more", class: "pm-button pm-more", onclick: () => navigate({ k: Math.min(500, state().k + step) }, { replace: true }) });
}
