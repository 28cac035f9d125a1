// Steering as values: steps (pluses and minuses) with undo and redo, weights, variety; and how the URL says them.

export const NOT_STEERED = { also: [], steps: [], undone: [], weights: [1, 0, 0], variety: 0, nodup: false };
export const ASPECTS = ["content", "colour", "texture"];
const MOST = 64;

/** Add a plus (+1) or minus (-1) of a picture; the same again takes it back, the other sign replaces it. */
export function pressed(steps, id, sign) {
  const others = steps.filter(([one]) => one !== id);
  return steps.some(([one, way]) => one === id && way === sign) ? others : [...others, [id, sign]].slice(-MOST);
}

/** Return {steps, undone} such that exactly the first `count` of all steps count. */
export function upTo(count, steps, undone) {
  const all = [...steps, ...undone];
  return { steps: all.slice(0, count), undone: all.slice(count) };
}

/** The sign with which a picture was pressed: 1, -1, or 0. */
export function signOf(steps, id) {
  return steps.find(([one]) => one === id)?.[1] ?? 0;
}

/** Whether anything is steered. */
export function isSteered(of) {
  return of.steps.length > 0 || of.also.length > 0 || isWeighed(of) || of.variety > 0 || of.nodup;
}

/** Whether colour or texture count. */
export function isWeighed(of) {
  return of.weights[1] > 0 || of.weights[2] > 0;
}

/** What the server is asked. */
export function steerRequest(of) {
  return {
    also: of.also.map((one) => (one.upload ? { path: one.upload.path } : { id: one.id })),
    plus: of.steps.filter(([, sign]) => sign > 0).map(([id]) => id),
    minus: of.steps.filter(([, sign]) => sign < 0).map(([id]) => id),
    weights: isWeighed(of) ? Object.fromEntries(ASPECTS.map((name, at) => [name, of.weights[at]])) : {},
    variety: of.variety, hide_duplicates: of.nodup,
  };
}

/** What makes the results what they are, for comparing. */
export function steerKey(of) {
  return [of.also.map((one) => one.upload?.path ?? one.id), of.steps, isWeighed(of) && of.weights, of.variety, of.nodup];
}

/** Add to the URL; uploads among the further pictures live in the history entry alone. */
export function addToUrl(of, add) {
  const stored = of.also.filter((one) => !one.upload).map((one) => one.id);
  if (stored.length) add("also", stored.join(","));
  const text = (steps) => steps.map(([id, sign]) => id * sign).join(",");
  if (of.steps.length || of.undone.length) add("steer", text(of.steps) + (of.undone.length ? `~${text(of.undone)}` : ""));
  of.weights.forEach((weight, at) => weight !== NOT_STEERED.weights[at] && add(ASPECTS[at], weight));
  if (of.variety) add("variety", of.variety);
  if (of.nodup) add("duplicates", "hidden");
}

/** Read one parameter of the URL into `next`; returns whether it was one of ours. */
export function readFromUrl(next, name, value) {
  const at = ASPECTS.indexOf(name);
  const share = Number(value) >= 0 && Number(value) <= 1 ? Number(value) : null;
  if (name === "also") next.also = [...next.also.filter((one) => one.upload), ...ids(value).map(([id]) => ({ id }))];
  else if (name === "steer") [next.steps, next.undone] = [ids(value.split("~")[0]), ids(value.split("~")[1] ?? "")];
  else if (name === "variety") next.variety = share ?? 0;
  else if (name === "duplicates") next.nodup = value === "hidden";
  else if (at >= 0) {
    next.weights = next.weights.map((weight, one) => (one === at ? share ?? weight : weight));
    if (!next.weights.some((weight) => weight > 0)) next.weights = [...NOT_STEERED.weights];
  } else return false;
  return true;
}

function ids(text) {
  const seen = new Map();
  for (const one of text.split(",")) if (/^-?[1-9]\d{0,14}$/.test(one)) seen.set(Math.abs(Number(one)), Math.sign(Number(one)));
  return [...seen].slice(0, MOST);
}
