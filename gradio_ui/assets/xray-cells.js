// The lists of an index as cells around the query: Voronoi cells of where the server laid them out.

import { h } from "./dom.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const LABELLED = 40; // probed cells that carry their order as a number
const PLAY_MS = 2200;
const CIRCLE = Array.from({ length: 72 }, (_, at) => [1.03 * Math.cos((at * Math.PI) / 36), 1.03 * Math.sin((at * Math.PI) / 36)]);

/** Return for each place (n of [x, y] in the unit disc) the corners of its cell. */
export function voronoi(places) {
  return places.map(([x, y], at) => {
    const others = places.map(([ox, oy], i) => [(ox - x) ** 2 + (oy - y) ** 2, ox, oy, i]).filter((one) => one[3] !== at).sort((a, b) => a[0] - b[0]);
    let corners = CIRCLE;
    for (const [squared, ox, oy] of others) {
      const reach = Math.max(...corners.map(([cx, cy]) => (cx - x) ** 2 + (cy - y) ** 2));
      if (squared > 4 * reach) break;
      corners = cut(corners, (x + ox) / 2, (y + oy) / 2, ox - x, oy - y);
    }
    return corners;
  });
}

/** Keep of a convex polygon what lies behind the line through (mx, my) with normal (nx, ny). */
function cut(corners, mx, my, nx, ny) {
  const side = ([x, y]) => (x - mx) * nx + (y - my) * ny;
  const kept = [];
  corners.forEach((from, at) => {
    const to = corners[(at + 1) % corners.length];
    const [one, other] = [side(from), side(to)];
    if (one <= 0) kept.push(from);
    if (one < 0 !== other < 0 && one !== other) {
      const t = one / (one - other);
      kept.push([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]);
    }
  });
  return kept;
}

/** Return the middle of a convex polygon's area: where there is most room in a cell. */
export function middle(corners) {
  let area = 0, x = 0, y = 0;
  corners.forEach(([ax, ay], at) => {
    const [bx, by] = corners[(at + 1) % corners.length], cross = ax * by - bx * ay;
    area += cross;
    x += (ax + bx) * cross;
    y += (ay + by) * cross;
  });
  return [x / (3 * area), y / (3 * area)];
}

/** Make the picture of the cells. `point(at)` is told which cell is pointed at, or null. */
export function cellsView({ point }) {
  const svg = make("svg", { viewBox: "-1.06 -1.06 2.12 2.12", class: "pm-xray-cells", role: "img" });
  const ground = make("g", {}), discs = make("g", { class: "pm-xray-discs" }), marks = make("g", { class: "pm-xray-marks" });
  const outline = make("path", { class: "pm-xray-outline" });
  const me = make("path", { d: "M0 -.035L.035 0L0 .035L-.035 0z", class: "pm-xray-me" });
  svg.append(ground, discs, outline, marks, me);
  const element = h("div", { class: "pm-xray-stage" }, svg);
  let drawn = "", timers = [], middles = [];

  svg.addEventListener("pointermove", (event) => {
    const cell = event.target.closest?.("[data-at]");
    point(cell ? Number(cell.dataset.at) : null);
  });
  svg.addEventListener("pointerleave", () => point(null));

  function build(cells) {
    const largest = Math.max(1, ...cells.sizes);
    const room = 0.62 * Math.sqrt(1 / cells.places.length);
    const polygons = voronoi(cells.places);
    middles = polygons.map(middle);
    ground.replaceChildren(...polygons.map((corners, at) =>
      make("path", { d: `M${corners.map(([x, y]) => `${x.toFixed(4)} ${y.toFixed(4)}`).join("L")}z`, "data-at": at, class: "pm-xray-cell" })));
    discs.replaceChildren(...middles.map(([x, y], at) =>
      make("circle", { cx: x, cy: y, r: (room * Math.sqrt(cells.sizes[at] / largest)).toFixed(4), "data-at": at })));
  }

  function light(upTo) {
    svg.classList.toggle("pm-numbered", marks.querySelector("text") !== null);
    for (const cell of ground.children) cell.classList.toggle("pm-lit", Number(cell.dataset.at) < upTo);
    for (const disc of discs.children) disc.classList.toggle("pm-lit", Number(disc.dataset.at) < upTo);
    marks.querySelectorAll("text").forEach((one, at) => (one.style.display = at < upTo ? "" : "none"));
  }

  return {
    element,
    /** Draw: the first `lit` cells are open; numbers on them if `numbered`; marks for neighbours; as far out as `reach`. */
    show({ cells, lit, numbered, neighbours = [], label, reach = 1.06 }) {
      timers.forEach(clearTimeout);
      const key = cells.numbers.join();
      if (key !== drawn) build(cells);
      drawn = key;
      svg.setAttribute("aria-label", label);
      svg.setAttribute("viewBox", `${-reach} ${-reach} ${2 * reach} ${2 * reach}`);
      me.setAttribute("transform", `scale(${reach})`);
      const size = Math.min(0.1, 0.72 / Math.sqrt(cells.places.length));
      const labels = numbered && lit <= LABELLED ? middles.slice(0, lit).map(([x, y], at) => {
        const text = make("text", { x, y: y + size * 0.36, "font-size": size });
        text.textContent = String(at + 1);
        return text;
      }) : [];
      marks.replaceChildren(...labels, ...dots(cells, middles, neighbours));
      light(lit);
    },
    /** Open the first `lit` cells one after another. */
    play(lit) {
      timers.forEach(clearTimeout);
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) return light(lit);
      light(0);
      const pause = Math.min(220, PLAY_MS / lit);
      timers = Array.from({ length: lit }, (_, at) => setTimeout(() => light(at + 1), (at + 1) * pause));
    },
    mark(at) {
      outline.setAttribute("d", (at === null ? null : ground.children[at]?.getAttribute("d")) ?? "");
    },
  };
}

/** A dot for each true neighbour in the cell of its list: found ones and lost ones differ in shape and colour. */
function dots(cells, middles, neighbours) {
  const placeOf = new Map(cells.numbers.map((number, at) => [number, at]));
  const used = new Map();
  const size = Math.min(0.03, 0.25 / Math.sqrt(cells.places.length));
  return neighbours.flatMap((one) => {
    const at = placeOf.get(one.list);
    if (at === undefined) return [];
    const number = used.get(at) ?? 0;
    used.set(at, number + 1);
    const turn = number * 2.4, reach = size * 1.25 * Math.sqrt(number);
    const [x, y] = [middles[at][0] + reach * Math.cos(turn), middles[at][1] + reach * Math.sin(turn)];
    if (one.verdict === "found") return [make("circle", { cx: x, cy: y, r: size * 0.5, class: "pm-xray-found", "data-at": at })];
    const d = size * 0.55;
    return [make("path", { d: `M${x - d} ${y - d}L${x + d} ${y + d}M${x + d} ${y - d}L${x - d} ${y + d}`, class: "pm-xray-lost", "stroke-width": size * 0.3, "data-at": at })];
  });
}

function make(name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
