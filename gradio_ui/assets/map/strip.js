// A row of pictures of points: click to go to one, with a button to search with it.

import { h } from "../dom.js";
import { picture } from "./picture.js";

/**
 * @param {import("./map.js").PictureMap} map
 * @param {number[]} points
 * @param {{go: (i: number) => void, note?: (i: number) => string, height?: number, most?: number}} options
 * @returns {Promise<HTMLElement>}
 */
export async function strip(map, points, { go, note, height = 72, most = 60 }) {
  const shown = points.slice(0, most), texts = await Promise.all(shown.map((i) => map.data.text(i)));
  return h("div", { class: "pm-map-strip", role: "list" },
    shown.map((i, k) =>
      h("div", { role: "listitem" },
        h("button", { type: "button", class: "pm-map-thumb", title: [texts[k].title, texts[k].byline].filter(Boolean).join(", "),
          "aria-label": `${texts[k].title}: show on the map`, onclick: () => go(i) }, picture(map, i, texts[k], height)),
        note ? h("span", { class: "pm-map-note" }, note(i)) : null)));
}
