// Colour by a field, and the legend whose rows switch values on and off.

import { h } from "../dom.js";
import { NO_VALUE, rows } from "./legend.js";

const FEW = 9;

/**
 * @param {() => import("./map.js").PictureMap} map
 */
export function legendPanel(map) {
  const choice = h("select", { class: "pm-map-select", "aria-label": "Colour by", onchange: () => recolour() });
  const list = h("div", { class: "pm-map-rows", role: "group", "aria-label": "Legend" });
  const everything = h("button", { type: "button", class: "pm-map-link", hidden: true, onclick: () => apply([]) }, "Show all");
  const element = h("section", { class: "pm-map-legend", "aria-label": "Colours" },
    h("label", { class: "pm-map-label" }, "Colour by ", choice), list, everything);
  let unfolded = false;

  function recolour() {
    unfolded = false;
    return map().colourBy(Number(choice.value)).then(draw);
  }

  async function apply(hidden) {
    await map().colourBy(map().by, hidden);
    draw();
  }

  function fill() {
    const { fields } = map().data.info;
    choice.replaceChildren(h("option", { value: "-1" }, "nothing"),
      ...fields.map((field, number) => h("option", { value: String(number) }, field.title)));
    draw();
  }

  function draw() {
    const now = map(), field = now.data.info.fields[now.by];
    choice.value = String(now.by);
    everything.hidden = !now.hidden.length;
    if (!field) {
      list.replaceChildren();
      return;
    }
    const all = rows(field, now.codes), shown = unfolded ? all : all.slice(0, FEW);
    const rest = all.length - shown.length;
    list.replaceChildren(
      ...(field.kind === "range" ? [gradient(now, field)] : []),
      ...shown.map((row) => line(now, row)),
      ...(rest > 0 ? [h("button", { type: "button", class: "pm-map-link", onclick: () => { unfolded = true; draw(); } }, `${rest} more`)] : []));
  }

  function gradient(now, field) {
    const stops = Array.from({ length: 9 }, (_, k) => `rgb(${now.colours[Math.round((k / 8) * 254)]})`);
    const ends = [field.low, field.high].map((value) => Number(value.toPrecision(3)).toLocaleString("en", { useGrouping: false }));
    return h("div", { class: "pm-map-gradient" }, h("span", {}, ends[0]),
      h("i", { style: `background:linear-gradient(90deg,${stops})` }), h("span", {}, ends[1]));
  }

  function line(now, row) {
    const off = now.hidden.includes(row.number);
    const toggle = () => apply(off ? now.hidden.filter((number) => number !== row.number) : [...now.hidden, row.number]);
    const only = () => apply(rows(now.data.info.fields[now.by], now.codes).map((other) => other.number).filter((number) => number !== row.number));
    return h("div", { class: off ? "pm-map-row is-off" : "pm-map-row" },
      h("label", { title: off ? "Show" : "Hide" },
        h("input", { type: "checkbox", checked: !off, onchange: toggle }),
        h("i", { class: "pm-map-dot", style: `background:rgb(${now.colours[row.code]})` }),
        h("span", { class: row.number === NO_VALUE ? "pm-map-name pm-map-quiet" : "pm-map-name" }, row.label),
        h("span", { class: "pm-map-count" }, row.count.toLocaleString("en"))),
      h("button", { type: "button", class: "pm-map-only", "aria-label": `Only ${row.label}`, onclick: only }, "only"));
  }

  return { element, fill, draw };
}
