// The course of the scan: every code that was reached, the cut-off that sinks, and the heap of the best at any moment.

import { button, h } from "./dom.js";

const HEIGHT_PX = 260;
const PLAY_MS = 4000;
const EDGE = { left: 46, right: 12, top: 14, bottom: 30 };

/** Return the heap after the code at place `at`: the `kept` nearest of what entered, nearest first. */
export function heapAfter(entered, at, kept) {
  return entered.filter(([place]) => place <= at).sort((one, other) => one[2] - other[2] || one[0] - other[0]).slice(0, kept);
}

/** Make the view. `show(data)` draws the course of what `server.xray` gave. */
export function scanView() {
  const canvas = h("canvas", { class: "pm-xray-chart", role: "img" });
  const slider = h("input", { type: "range", min: "1", step: "1", "aria-label": "Codes scanned so far", oninput: () => (stop(), move(Number(slider.value))) });
  const play = button("Play the scan", { onclick: toggle });
  const facts = h("dl", { class: "pm-xray-facts", "aria-live": "off" });
  const heap = h("ol", { class: "pm-xray-heap", "aria-label": "The heap" });
  const element = h("div", { class: "pm-xray-scan" }, canvas, h("div", { class: "pm-xray-scrub" }, play, slider), facts, heap);
  let data = null, at = 0, frame = 0;

  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    play.textContent = "Play the scan";
  }

  function toggle() {
    if (frame) return stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return move(data.course.n);
    const from = at >= data.course.n ? 0 : at, began = performance.now();
    play.textContent = "Pause";
    const tick = (now) => {
      const next = Math.min(data.course.n, Math.round(from + ((now - began) / PLAY_MS) * data.course.n));
      move(Math.max(1, next));
      if (next < data.course.n && element.isConnected) frame = requestAnimationFrame(tick);
      else stop();
    };
    frame = requestAnimationFrame(tick);
  }

  function move(next) {
    if (!data.course.n) {
      facts.replaceChildren(h("p", { class: "pm-quiet" }, "The lists that were opened are empty: no code was scanned."));
      return heap.replaceChildren();
    }
    at = Math.min(data.course.n, Math.max(1, next));
    slider.value = String(at);
    const { course } = data;
    const best = heapAfter(course.entered, at - 1, course.n_kept);
    const cutoff = best.length === course.n_kept ? best.at(-1)[2] : null;
    slider.setAttribute("aria-valuetext", `${at} of ${course.n} codes, cut-off ${cutoff === null ? "none yet" : cutoff.toFixed(4)}`);
    const probe = listAt(course, at - 1);
    facts.replaceChildren(...[
      ["scanned", `${at.toLocaleString("en")} of ${course.n.toLocaleString("en")}`], ["in list", `${probe + 1} of ${course.list_codes.length}`],
      ["entered the heap", String(course.entered.filter(([place]) => place < at).length)], ["cut-off", cutoff === null ? "none yet" : cutoff.toFixed(4)],
    ].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    heap.replaceChildren(...best.map(([, id, distance]) => {
      const card = data.pictures[id];
      const isTrue = data.neighbours.some((one) => one.image_id === id);
      return h("li", { class: isTrue ? "pm-true" : null, title: `${card.alt}, ${distance.toFixed(4)}${isTrue ? ", a true neighbour" : ""}` },
        h("img", { src: card.thumbnail, alt: card.alt }), h("span", {}, distance.toFixed(4)));
    }));
    draw();
  }

  function draw() {
    const width = element.clientWidth;
    if (!width || !data?.course.n) return;
    const scale = devicePixelRatio || 1, { course } = data, style = getComputedStyle(element);
    const colour = (name) => style.getPropertyValue(name).trim();
    canvas.width = Math.round(width * scale);
    canvas.height = HEIGHT_PX * scale;
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const high = 1.04 * Math.max(...course.distances), low = Math.max(0, 0.9 * Math.min(...course.distances));
    const x = (place) => EDGE.left + ((width - EDGE.left - EDGE.right) * place) / Math.max(1, course.n);
    const y = (value) => HEIGHT_PX - EDGE.bottom - ((HEIGHT_PX - EDGE.top - EDGE.bottom) * (value - low)) / (high - low || 1);
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = colour("--pm-quiet");
    context.textAlign = "right";
    context.strokeStyle = colour("--pm-line");
    const step = roundStep((high - low) / 4);
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      context.fillText(value.toFixed(step < 0.01 ? 3 : step < 0.1 ? 2 : 1), EDGE.left - 8, y(value) + 4);
      line(context, [[EDGE.left, y(value)], [width - EDGE.right, y(value)]]);
    }
    let first = 0;
    context.textAlign = "center";
    course.list_codes.forEach((count, probe) => {
      const wide = x(first + count) - x(first);
      if (probe % 2) {
        context.globalAlpha = 0.5;
        context.fillStyle = colour("--pm-sunk");
        context.fillRect(x(first), EDGE.top, wide, HEIGHT_PX - EDGE.top - EDGE.bottom);
        context.globalAlpha = 1;
      }
      context.fillStyle = colour("--pm-quiet");
      if (wide > 22) context.fillText(probe === 0 && wide > 60 ? "list 1" : String(probe + 1), x(first) + wide / 2, HEIGHT_PX - 12);
      first += count;
    });
    const dots = [colour("--pm-faint"), colour("--pm-quiet"), colour("--pm-accent")];
    for (const kind of [0, 1, 2]) {
      context.fillStyle = dots[kind];
      course.at.forEach((place, i) => {
        if (course.kinds[i] !== kind) return;
        context.globalAlpha = place < at ? 1 : 0.18;
        const size = kind === 2 ? 3 : 1.6;
        context.beginPath();
        context.arc(x(place + 0.5), y(course.distances[i]), size, 0, 7);
        context.fill();
      });
    }
    context.globalAlpha = 1;
    context.strokeStyle = colour("--pm-mark");
    context.lineWidth = 1.5;
    const steps = [];
    for (const [place] of course.entered) {
      if (place >= at) break;
      const best = heapAfter(course.entered, place, course.n_kept);
      if (best.length < course.n_kept) continue;
      if (steps.length) steps.push([x(place + 0.5), steps.at(-1)[1]]);
      steps.push([x(place + 0.5), y(best.at(-1)[2])]);
    }
    if (steps.length) line(context, [...steps, [x(at), steps.at(-1)[1]]]);
    context.strokeStyle = colour("--pm-ink");
    context.lineWidth = 1;
    line(context, [[x(at), EDGE.top], [x(at), HEIGHT_PX - EDGE.bottom]]);
  }

  new ResizeObserver(() => data && draw()).observe(element);
  new MutationObserver(() => data && draw()).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  return {
    element,
    stop,
    show(next) {
      stop();
      data = next;
      slider.max = String(Math.max(1, next.course.n));
      canvas.setAttribute("aria-label", `Distances by code of ${next.course.n} codes in the order of the scan, and the cut-off`);
      move(next.course.n);
    },
  };
}

function listAt(course, place) {
  let first = 0;
  for (let probe = 0; probe < course.list_codes.length; probe++) {
    first += course.list_codes[probe];
    if (place < first) return probe;
  }
  return Math.max(0, course.list_codes.length - 1);
}

/** The round number, 1, 2 or 5 times a power of ten, next to a step between ticks. */
function roundStep(wanted) {
  const power = 10 ** Math.floor(Math.log10(wanted || 1));
  return power * (wanted / power < 1.5 ? 1 : wanted / power < 3.5 ? 2 : wanted / power < 7.5 ? 5 : 10);
}

function line(context, points) {
  context.beginPath();
  points.forEach(([x, y], at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}
