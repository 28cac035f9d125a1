// A rectangle on the query picture: drag it, move it, or type its edges in percent.

import { button, h } from "./dom.js";

const LEAST = 0.04; // of a side; a smaller rectangle is taken for a click
const EDGES = ["Left", "Top", "Right", "Bottom"];

/**
 * Put a region selector over `stage`.
 * @param onchange called with [x0, y0, x1, y1] in fractions, or null for the whole picture
 * @returns {panel, show(region), tool}: the numbers, a function that shows a region, and the button that opens them
 */
export function regionSelector(stage, onchange) {
  const frame = h("div", { class: "pm-region", hidden: true });
  stage.append(frame);
  let region = null;
  let active = false;

  const inputs = EDGES.map((edge, at) =>
    h("input", { type: "number", min: 0, max: 100, step: 1, inputmode: "numeric", "aria-label": `${edge} edge in percent`, onchange: () => typed(at) }));
  const whole = button("Whole picture", { onclick: () => commit(null) });
  const panel = h("div", { class: "pm-region-panel", hidden: true },
    h("p", { class: "pm-hint" }, "Drag a rectangle on the picture, or type its edges in percent."),
    h("div", { class: "pm-edges" }, inputs.map((input, at) => h("label", {}, h("span", {}, EDGES[at]), input))), whole);
  const tool = button("Search a region", { iconName: "region", quiet: true, "aria-pressed": "false", onclick: () => activate(!active) });

  function activate(on) {
    active = on;
    tool.setAttribute("aria-pressed", String(on));
    panel.hidden = !on;
    stage.classList.toggle("pm-selecting", on);
  }

  function draw(box) {
    frame.hidden = !box;
    if (box) {
      const [x0, y0, x1, y1] = box.map((value) => `${value * 100}%`);
      frame.style.cssText = `left:${x0};top:${y0};width:calc(${x1} - ${x0});height:calc(${y1} - ${y0})`;
    }
    (box ?? [0, 0, 1, 1]).forEach((value, at) => (inputs[at].value = String(Math.round(value * 100))));
    whole.disabled = !box;
  }

  function commit(box) {
    region = box && box[0] <= 0 && box[1] <= 0 && box[2] >= 1 && box[3] >= 1 ? null : box;
    draw(region);
    onchange(region);
  }

  function typed() {
    const values = inputs.map((input) => Math.min(100, Math.max(0, Number(input.value) || 0)) / 100);
    if (values[2] - values[0] < LEAST) values[2] = Math.min(1, values[0] + LEAST), values[0] = values[2] - LEAST;
    if (values[3] - values[1] < LEAST) values[3] = Math.min(1, values[1] + LEAST), values[1] = values[3] - LEAST;
    commit(values);
  }

  let start = null;
  let moved = null;
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((x) => Math.min(1, Math.max(0, x)));
  };
  stage.addEventListener("pointerdown", (event) => {
    // A finger scrolls the page unless the tool is on; a mouse may always drag.
    if (event.button !== 0 || (event.pointerType !== "mouse" && !active)) return;
    if (event.target.closest("button, input, a")) return;
    start = at(event);
    const inside = region && start[0] > region[0] && start[0] < region[2] && start[1] > region[1] && start[1] < region[3];
    moved = inside ? [...region] : null;
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  stage.addEventListener("pointermove", (event) => {
    if (start) draw(candidate(at(event)) ?? region);
  });
  stage.addEventListener("pointerup", (event) => {
    if (!start) return;
    const box = candidate(at(event));
    start = null;
    if (!box) return draw(region);
    activate(true);
    commit(box);
  });
  stage.addEventListener("pointercancel", () => {
    start = null;
    draw(region);
  });

  function candidate(now) {
    if (moved) {
      const dx = Math.min(1 - moved[2], Math.max(-moved[0], now[0] - start[0]));
      const dy = Math.min(1 - moved[3], Math.max(-moved[1], now[1] - start[1]));
      return Math.abs(dx) + Math.abs(dy) < 0.01 ? null : [moved[0] + dx, moved[1] + dy, moved[2] + dx, moved[3] + dy];
    }
    const box = [Math.min(start[0], now[0]), Math.min(start[1], now[1]), Math.max(start[0], now[0]), Math.max(start[1], now[1])];
    return box[2] - box[0] < LEAST || box[3] - box[1] < LEAST ? null : box;
  }

  return {
    panel,
    tool,
    show(box) {
      region = box;
      draw(box);
      if (box) activate(true);
    },
  };
}
