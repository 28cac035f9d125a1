// The panel of a selection: its pictures, what they are, what to do with them, and names kept in this browser.

import { button, h } from "../dom.js";
import { fill } from "./fill.js";
import { strip } from "./strip.js";

const MOST_SENT = 5000;

/**
 * @param {() => import("./map.js").PictureMap} map
 * @param {{alike?: (ids: number[]) => Promise<any>, save?: (kind: string, ids: number[], name: string) => Promise<any>, key: string}} actions
 */
export function selectPanel(map, actions) {
  const element = h("section", { class: "pm-map-panel pm-map-selection", "aria-label": "Selection", hidden: true });
  let ticket = 0;

  const go = (i) => map().pick(i);

  /** @param {number[]|null} points */
  async function show(points) {
    const mine = ++ticket;
    if (!points) {
      element.hidden = true;
      return;
    }
    const now = map(), extra = h("div", { class: "pm-map-more" }), message = h("span", { class: "pm-map-quiet", role: "status" });
    const name = h("input", { type: "text", class: "pm-map-input", "aria-label": "Name of the selection", placeholder: "Name this selection", value: nameOf(now.outline), maxlength: 60 });
    name.addEventListener("change", () => {
      keep(name.value.trim(), now.outline);
      message.textContent = name.value.trim() ? "Kept in this browser" : "";
    });
    const counted = await counts(now, points);
    if (mine !== ticket) return;
    fill(element,
      h("div", { class: "pm-map-selection-head" },
        h("strong", { role: "status" }, points.length === 1 ? "1 picture" : `${points.length.toLocaleString("en")} pictures`),
        counted.length ? h("span", { class: "pm-map-quiet pm-map-counts" }, counted.map(([label, count]) => `${label} ${count.toLocaleString("en")}`).join(" · ")) : null,
        button("Close", { iconName: "close", quiet: true, onclick: () => map().select([]) })),
      points.length ? await strip(now, points, { go }) : h("p", { class: "pm-map-quiet" }, "Nothing lies in there. Draw around some points."),
      points.length ? h("div", { class: "pm-map-actions" }, name,
        actions.alike ? button("More like these", { iconName: "search", class: "pm-button", onclick: () => alike(points, extra) }) : null,
        ...(actions.save ? ["csv", "json", "zip"].map((kind) =>
          button(kind.toUpperCase(), { iconName: "save", class: "pm-button", "aria-label": `Export ${kind.toUpperCase()}`, onclick: () => save(kind, points, name.value.trim(), message) })) : []), message) : null,
      extra);
    if (mine === ticket) element.hidden = false;
  }

  async function alike(points, target) {
    const now = map();
    target.replaceChildren(h("p", { class: "pm-map-quiet", role: "status" }, "Searching"));
    const answer = await actions.alike(points.slice(0, MOST_SENT).map((i) => now.data.ids[i]));
    if (answer.error) {
      target.replaceChildren(h("p", { class: "pm-warning", role: "alert" }, answer.error));
      return;
    }
    const found = answer.neighbours.map(({ id }) => now.data.point(id)).filter((i) => i >= 0);
    now.pick(-1, found);
    target.replaceChildren(h("h3", {}, "More like these"), await strip(now, found, { go, height: 56 }));
  }

  async function save(kind, points, name, message) {
    message.textContent = "Writing";
    const answer = await actions.save(kind, points.map((i) => map().data.ids[i]), name);
    message.textContent = answer.error ?? "";
    if (answer.file) h("a", { href: answer.file, download: answer.name }).click();
  }

  // Names live in this browser, with the outline: other visitors of the page do not see them.
  function names() {
    try {
      return JSON.parse(localStorage.getItem(actions.key) ?? "[]");
    } catch {
      return []; // storage is blocked, or holds something else
    }
  }

  function nameOf(outline) {
    return names().find((entry) => same(entry.outline, outline))?.name ?? "";
  }

  function keep(name, outline) {
    const others = names().filter((entry) => !same(entry.outline, outline) && entry.name !== name);
    try {
      localStorage.setItem(actions.key, JSON.stringify(name ? [...others, { name, outline }] : others));
    } catch {
      // storage is blocked: the name lasts as long as the panel
    }
    element.dispatchEvent(new CustomEvent("names"));
  }

  return { element, show, names };
}

/** The most frequent values of the field that colours, or of the labels. */
async function counts(map, points) {
  const { fields } = map.data.info, number = map.by >= 0 ? map.by : map.data.fieldNumber("label");
  if (number < 0 || fields[number].kind !== "choice") return [];
  const codes = await map.data.column(number), found = new Map();
  for (const i of points) found.set(codes[i], (found.get(codes[i]) ?? 0) + 1);
  return [...found].filter(([code]) => code !== 255).sort((a, b) => b[1] - a[1]).slice(0, 6)
    .map(([code, count]) => [fields[number].values[code][0], count]);
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
