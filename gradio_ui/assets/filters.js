// Filters by the gallery's own facets: choices with counts, and ranges with two numbers.

import { h } from "./dom.js";
import { chosen, navigate, onGalleries, state, subscribe } from "./store.js";

const AT_FIRST = 8;
const SEARCHABLE = 12;

/** Remove one value of a filter, or all of it. */
export function removeFilter(name, value) {
  const where = { ...state().where };
  const rest = Array.isArray(where[name]) && value !== undefined ? where[name].filter((one) => String(one) !== String(value)) : [];
  if (rest.length) where[name] = rest;
  else delete where[name];
  navigate({ where });
}

/** Build the panel of filters; it follows the gallery. */
export function filtersPanel() {
  const count = h("span", { class: "pm-count" });
  const body = h("div", { class: "pm-panel-body" });
  const element = h("details", { class: "pm-panel", "data-panel": "filters" }, h("summary", {}, "Filters", count), body);
  let drawnFor = null;

  function draw() {
    const entry = chosen();
    if (!entry) return;
    drawnFor = entry;
    const facets = entry.facets.filter((facet) => (facet.kind === "range" ? facet.low !== facet.high : facet.values.length > 1));
    const weight = (facet) => (facet.kind === "range" ? 1e6 : facet.values.length);
    facets.sort((one, other) => weight(one) - weight(other)); // few choices first, ranges last
    body.replaceChildren(...(facets.length ? facets.map((facet) => (facet.kind === "range" ? range(facet) : choice(facet)))
      : [h("p", { class: "pm-hint" }, "This gallery has nothing to filter by.")]));
    mark();
  }

  function mark() {
    const { where } = state();
    const active = Object.values(where).reduce((sum, value) => sum + (Array.isArray(value) ? value.length : 1), 0);
    count.textContent = active ? String(active) : "";
    for (const input of body.querySelectorAll("input[type=checkbox]")) {
      input.checked = (where[input.name] ?? []).some?.((one) => String(one) === input.value) ?? false;
    }
    for (const input of body.querySelectorAll("input[data-end]")) {
      if (input !== document.activeElement) input.value = where[input.name]?.[input.dataset.end] ?? "";
    }
  }

  onGalleries(draw);
  subscribe(() => (chosen() === drawnFor ? mark() : draw()));
  return element;
}

function choice(facet) {
  const rows = facet.values.map(([value, count], at) =>
    h("label", { class: "pm-choice", hidden: at >= AT_FIRST },
      h("input", { type: "checkbox", name: facet.name, value: String(value), onchange: (event) => choose(facet, value, event.target.checked) }),
      h("span", {}, String(value)), " ", h("small", {}, String(count))));
  const more = facet.values.length > AT_FIRST
    ? h("button", { type: "button", class: "pm-link", onclick: () => { rows.forEach((row) => (row.hidden = false)); more.hidden = true; } },
      `${facet.values.length - AT_FIRST} more`)
    : null;
  const find = facet.values.length > SEARCHABLE
    ? h("input", { type: "search", class: "pm-find", placeholder: `Find in ${facet.title.toLowerCase()}`, "aria-label": `Find in ${facet.title}`,
      oninput: (event) => {
        const text = event.target.value.trim().toLowerCase();
        rows.forEach((row, at) => (row.hidden = text ? !row.textContent.toLowerCase().includes(text) : at >= AT_FIRST));
        if (more) more.hidden = Boolean(text);
      } })
    : null;
  return h("fieldset", { class: "pm-facet", "data-facet": facet.name }, h("legend", {}, facet.title), find, h("div", { class: "pm-choices" }, rows), more);
}

function choose(facet, value, on) {
  const where = { ...state().where };
  const kept = (where[facet.name] ?? []).filter((one) => String(one) !== String(value));
  const values = on ? [...kept, value] : kept;
  if (values.length) where[facet.name] = values;
  else delete where[facet.name];
  navigate({ where });
}

function range(facet) {
  const whole = Number.isInteger(facet.low) && Number.isInteger(facet.high);
  const shown = (value) => (whole ? String(value) : Number(value.toPrecision(3)).toString());
  const input = (end, text, limit) =>
    h("label", {}, h("span", {}, text),
      h("input", { type: "number", name: facet.name, "data-end": end, step: whole ? 1 : "any", placeholder: shown(limit), "aria-label": `${facet.title} ${text.toLowerCase()}`,
        onchange: (event) => bound(facet, end, event.target.value) }));
  return h("fieldset", { class: "pm-facet", "data-facet": facet.name }, h("legend", {}, facet.title),
    h("div", { class: "pm-range" }, input("min", "From", facet.low), input("max", "To", facet.high)));
}

function bound(facet, end, text) {
  const where = { ...state().where };
  const next = { ...(where[facet.name] ?? {}) };
  if (text === "" || !Number.isFinite(Number(text))) delete next[end];
  else next[end] = Number(text);
  if (Object.keys(next).length) where[facet.name] = next;
  else delete where[facet.name];
  navigate({ where });
}

/** Values as the catalog has them: numbers stay numbers, although the URL carries text. */
export function typedWhere(where, facets) {
  const typed = {};
  for (const [name, value] of Object.entries(where)) {
    const known = facets.find((facet) => facet.name === name)?.values ?? [];
    typed[name] = Array.isArray(value) ? value.map((one) => known.find(([each]) => String(each) === String(one))?.[0] ?? one) : value;
  }
  return typed;
}
