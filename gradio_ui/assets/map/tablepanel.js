// The map in words: a table of what is in view, for those who cannot see it or want to read it.

import { h } from "../dom.js";

const MOST = 60;

/** @param {() => import("./map.js").PictureMap} map */
export function tablePanel(map) {
  const body = h("tbody"), note = h("caption", {});
  const element = h("details", { class: "pm-map-table" }, h("summary", {}, "What is in view, as a table"),
    h("div", { class: "pm-map-table-box" }, h("table", {}, note,
      h("thead", {}, h("tr", {}, ["Title", "By", "Label", "Trust", ""].map((title) => h("th", { scope: "col" }, title)))), body)));
  element.addEventListener("toggle", () => update());

  async function update() {
    if (!element.open) return;
    const now = map(), points = now.inView(MOST), trust = now.data.fieldNumber("trust");
    const [codes, texts] = await Promise.all([now.data.column(trust), Promise.all(points.map((i) => now.data.text(i)))]);
    note.textContent = points.length < MOST ? `${points.length} pictures in view` : `The first ${MOST} pictures in view; zoom in to see which others there are`;
    body.replaceChildren(...points.map((i, k) => h("tr", {},
      h("td", {}, texts[k].title), h("td", {}, texts[k].byline), h("td", {}, texts[k].label), h("td", {}, `${Math.round((codes[i] / 254) * 100)} %`),
      h("td", {}, h("button", { type: "button", class: "pm-map-link", "aria-label": `Pick ${texts[k].title}`, onclick: () => now.pick(i) }, "pick")))));
  }

  return { element, update };
}
