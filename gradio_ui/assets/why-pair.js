// Two pictures side by side: each fades where it adds little to the similarity; frames that match are linked.

import { button, h } from "./dom.js";

const MOST_HEIGHT = 0.4; // of the window
const SVG = "http://www.w3.org/2000/svg";

/** Build the pair. `show(answer, captionOf)` draws an explanation; `light(number)` brings out one match. */
export function pair() {
  const links = document.createElementNS(SVG, "svg");
  links.classList.add("pm-links");
  links.setAttribute("aria-hidden", "true");
  const stage = h("div", { class: "pm-pair" });
  const heat = button("Heat map", { "aria-pressed": "true", onclick: () => toggle("pm-no-heat", heat) });
  const frames = button("Matching regions", { "aria-pressed": "true", onclick: () => toggle("pm-no-frames", frames) });
  const tools = h("div", { class: "pm-tools pm-pair-tools" }, heat, frames);
  const element = h("div", { class: "pm-pair-block" }, stage, tools);
  let boxes = [];

  function toggle(name, tool) {
    const off = stage.classList.toggle(name);
    tool.setAttribute("aria-pressed", String(!off));
  }

  function figure(card, caption, map, matches, side) {
    const faded = h("img", { class: "pm-faded", src: card.thumbnail, alt: card.alt });
    const bright = h("img", { class: "pm-bright", src: card.thumbnail, alt: "", "aria-hidden": "true" });
    if (map) bright.style.maskImage = bright.style.webkitMaskImage = `url(${mask(map)})`;
    const own = matches.map((match, at) => {
      const [x0, y0, x1, y1] = match[side].map((value) => 100 * value);
      return h("div", { class: `pm-frame-match pm-match-${at + 1}`, style: `left:${x0}%;top:${y0}%;width:${x1 - x0}%;height:${y1 - y0}%` },
        h("span", { class: `pm-region-key pm-match-${at + 1}` }, String(at + 1)));
    });
    boxes.push(own);
    const ratio = card.width / card.height;
    return h("figure", { class: "pm-pair-figure", style: `flex:${ratio} 1 0;--pm-ratio:${ratio}` },
      h("div", { class: "pm-pair-picture", style: `aspect-ratio:${ratio}` }, faded, map ? bright : null, own), h("figcaption", {}, caption));
  }

  function show(answer, captionOf) {
    const matches = answer.heat?.matches ?? [];
    boxes = [];
    tools.hidden = !answer.heat;
    const ratios = [answer.here, answer.there].map((one) => one.width / one.height);
    stage.style.maxWidth = `calc(${ratios[0] + ratios[1]} * ${100 * MOST_HEIGHT}vh + 64px)`;
    stage.classList.toggle("pm-no-map", !answer.heat);
    stage.replaceChildren(
      figure(answer.here, [h("span", { class: "pm-pair-role" }, answer.here.role === "plus" ? "More like this" : "The query"), answer.here.caption ? captionOf(answer.here.caption) : null], answer.heat?.here, matches, "here"),
      figure(answer.there, [h("span", { class: "pm-pair-role" }, "The result"), captionOf(answer.there.caption)], answer.heat?.there, matches, "there"),
      links);
    link();
  }

  /** Draw a line between the facing sides of each two frames that match. */
  function link() {
    const ground = stage.getBoundingClientRect();
    if (!ground.width) return;
    links.setAttribute("viewBox", `0 0 ${ground.width} ${ground.height}`);
    links.replaceChildren(...(boxes[0] ?? []).map((here, at) => {
      const [one, other] = [here, boxes[1][at]].map((box) => box.getBoundingClientRect());
      const line = document.createElementNS(SVG, "path");
      const [x0, y0] = [one.right - ground.left, one.top + one.height / 2 - ground.top];
      const [x1, y1] = [other.left - ground.left, other.top + other.height / 2 - ground.top];
      const bend = Math.max(16, (x1 - x0) / 3);
      line.setAttribute("d", `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`);
      line.classList.add(`pm-match-${at + 1}`);
      return line;
    }));
  }

  function light(number) {
    stage.classList.toggle("pm-lit", number !== null);
    for (const one of stage.querySelectorAll(".pm-frame-match, .pm-links path")) {
      one.classList.toggle("pm-on", number !== null && one.classList.contains(`pm-match-${number + 1}`));
    }
  }

  new ResizeObserver(link).observe(stage);
  /** Show a larger rendition of one of the two, once it is there. */
  async function sharpen(side, url) {
    const own = stage.children[side];
    const larger = new Image();
    larger.src = url;
    await larger.decode().catch(() => null);
    if (own?.isConnected && larger.naturalWidth) own.querySelectorAll("img").forEach((one) => (one.src = url));
  }

  return { element, show, sharpen, light, clear: () => stage.replaceChildren() };
}

/** A heat map as a picture whose opacity is the warmth; scaled up by the browser, which smooths it. */
function mask(map) {
  const values = map.flat();
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const canvas = h("canvas", { width: map[0].length, height: map.length });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, at) => (pixels.data[4 * at + 3] = high > low ? 255 * (0.06 + 0.94 * ((value - low) / (high - low))) : 255));
  context.putImageData(pixels, 0, 0);
  const larger = h("canvas", { width: canvas.width * 16, height: canvas.height * 16 });
  const smooth = larger.getContext("2d");
  smooth.imageSmoothingQuality = "high";
  smooth.drawImage(canvas, 0, 0, larger.width, larger.height);
  return larger.toDataURL();
}
