// The map's view as a short text for the URL: centre, zoom, colouring, hidden values, the picked point, the selection.

/**
 * @typedef {object} MapState
 * @property {number} x centre
 * @property {number} y
 * @property {number} zoom times the whole map
 * @property {string} by name of the field that colours, or ""
 * @property {number[]} hidden codes that the legend hides
 * @property {number|null} picked image id
 * @property {number[]} outline of the selection: x, y, x, y ... in page coordinates, or empty
 */

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/** @returns {MapState} the whole map */
export function wholeMap() {
  return { x: 0, y: 0, zoom: 1, by: "", hidden: [], picked: null, outline: [] };
}

/** @param {MapState} state */
export function encodeState(state) {
  const digits = Math.min(6, 3 + Math.max(0, Math.ceil(Math.log10(state.zoom || 1))));
  const parts = [[round(state.x, digits), round(state.y, digits), round(state.zoom, 2)].join(",")];
  if (state.by && NAME.test(state.by)) parts.push("by:" + state.by);
  if (state.hidden.length) parts.push("hide:" + state.hidden.join(","));
  if (state.picked !== null) parts.push("pick:" + state.picked);
  if (state.outline.length >= 6) parts.push("in:" + state.outline.map((value) => round(value, 4)).join(","));
  return parts.join("~");
}

/**
 * Read what `encodeState` wrote; parts that make no sense are left out, and null means that nothing did.
 * @param {string} text
 * @returns {MapState|null}
 */
export function parseState(text) {
  const [first, ...rest] = String(text ?? "").split("~");
  const numbers = first.split(",").map(Number);
  if (first === "" || numbers.length !== 3 || !numbers.every(Number.isFinite) || numbers[2] <= 0) return null;
  const state = { ...wholeMap(), x: numbers[0], y: numbers[1], zoom: numbers[2] };
  for (const part of rest) {
    const cut = part.indexOf(":");
    const name = part.slice(0, cut), value = part.slice(cut + 1);
    const list = value.split(",").map(Number);
    const sound = value !== "" && list.every(Number.isFinite);
    if (name === "by" && NAME.test(value)) state.by = value;
    else if (name === "hide" && sound) state.hidden = list.filter((code) => Number.isInteger(code) && code >= 0 && code <= 255);
    else if (name === "pick" && sound && Number.isInteger(list[0]) && list[0] >= 0) state.picked = list[0];
    else if (name === "in" && sound && list.length >= 6 && list.length % 2 === 0 && list.length <= 200) state.outline = list;
  }
  return state;
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}
