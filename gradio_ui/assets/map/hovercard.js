// The card beside the pointer: picture, title, label. It never covers what is pointed at.

import { h } from "../dom.js";
import { fill } from "./fill.js";
import { picture } from "./picture.js";

/** @param {HTMLElement} stage */
export function hoverCard(stage) {
  const element = h("div", { class: "pm-map-card", hidden: true, "aria-hidden": "true" });
  let shown = -1;
  stage.append(element);

  /** @param {import("./map.js").PictureMap} map */
  async function show(map, i, x, y) {
    if (i < 0) {
      shown = -1;
      element.hidden = true;
      return;
    }
    if (i !== shown) {
      shown = i;
      const text = await map.data.text(i);
      if (shown !== i) return;
      fill(element,
        picture(map, i, text, 132),
        h("div", { class: "pm-map-card-text" },
          h("span", { class: "pm-map-title" }, text.title),
          text.byline ? h("span", {}, text.byline) : null,
          text.label && text.label !== text.title ? h("span", { class: "pm-map-quiet" }, text.label) : null));
      element.hidden = false;
    }
    const width = element.offsetWidth, height = element.offsetHeight, gap = 18;
    const left = x + gap + width > map.width ? x - gap - width : x + gap;
    element.style.transform = `translate(${Math.max(4, left)}px, ${Math.min(Math.max(4, y - height / 2), map.height - height - 4)}px)`;
  }

  return { element, show };
}
