// What the hand's wishes mean on a map.

import { listen } from "./input.js";
import { simplified } from "./lasso.js";

const PICK_PX = 14;

/** Let pointer, wheel and keyboard steer a map. @param {import("./map.js").PictureMap} map */
export function control(map) {
  listen(map.stage, {
    mode: () => map.mode,
    pan: (dx, dy) => {
      map.marks.crosshair = false;
      map.setView(map.view.panned(dx, dy));
    },
    zoom: (factor, x, y) => map.setView(map.view.zoomed(map.limited(factor), x, y)),
    hover: (x, y) => hover(map, x, y),
    leave: () => hover(map, -1e6, -1e6),
    click: (x, y) => map.pick(under(map, x, y)),
    draw: (path, done) => drawPath(map, path, done),
    key: (key, shift) => press(map, key, shift),
    rest: () => map.settle(),
  });
}

/** The point under a screen position: a picture that covers it, or the nearest point; -1 for none. */
export function under(map, x, y) {
  const covered = map.painter.pictureAt(x, y);
  if (covered >= 0) return covered;
  const [pageX, pageY] = map.view.toPage(x, y);
  return map.data.grid.nearest(pageX, pageY, PICK_PX / map.view.scale, (i) => map.isOpen(i));
}

function hover(map, x, y) {
  const i = under(map, x, y);
  if (i !== map.marks.hovered) {
    map.marks.hovered = i;
    map.stage.classList.toggle("is-over", i >= 0);
    map.painter.touch();
  }
  map.listeners.hover?.(i, x, y);
}

function drawPath(map, path, done) {
  map.marks.path = done ? [] : path;
  map.painter.touch();
  if (!done) return;
  const outline = [];
  for (let k = 0; k < path.length; k += 2) outline.push(...map.view.toPage(path[k], path[k + 1]));
  map.select(simplified(outline).map((value) => Number(value.toFixed(4)))); // as the URL holds it
  map.setMode("pan");
}

function press(map, key, shift) {
  const step = shift ? 160 : 40;
  const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (key in moves) {
    map.marks.crosshair = true;
    map.setView(map.view.panned(...moves[key]));
  } else if (key === "+" || key === "=") map.setView(map.view.zoomed(map.limited(1.3)));
  else if (key === "-" || key === "_") map.setView(map.view.zoomed(map.limited(1 / 1.3)));
  else if (key === "0" || key === "Home") map.showAll();
  else if (key === "Enter" || key === " ") map.pick(nearestToCentre(map));
  else if (key === "Escape") {
    if (map.outline.length) map.select([]);
    else map.pick(-1);
  } else return false;
  return true;
}

function nearestToCentre(map) {
  const reach = Math.max(map.width, map.height) / map.view.scale;
  return map.data.grid.nearest(map.view.x, map.view.y, reach, (i) => map.isOpen(i));
}
