// The Compare tab's view as a short text for the URL: neighbours, columns, order, and what is looked into.

const NAME = /^[a-z0-9_-]{1,40}$/;
export const SORTS = ["listed", "recall", "time", "memory", "compared"];
export const MOST_NEIGHBOURS = 50;
export const STEPS = 6;

/** What is shown when nothing else was said: ten neighbours, every column, in the order of the list. */
export function plainView() {
  return { k: 10, columns: null, sort: "listed", xray: "", probes: null, step: 1 };
}

/** Write a view: `{k, columns: names or null for all, sort, xray: index or "", probes: n or null, step}`. */
export function encodeView(view) {
  const plain = plainView();
  const parts = [];
  if (view.k !== plain.k) parts.push(`k:${view.k}`);
  if (view.columns) parts.push(`cols:${view.columns.join(",")}`);
  if (view.sort !== plain.sort) parts.push(`by:${view.sort}`);
  if (view.xray) {
    parts.push(`xray:${view.xray}`);
    if (view.probes !== null) parts.push(`probe:${view.probes}`);
    if (view.step !== plain.step) parts.push(`step:${view.step}`);
  }
  return parts.join("~");
}

/** Read what `encodeView` wrote; parts that make no sense are left out. */
export function parseView(text) {
  const view = plainView();
  for (const part of String(text ?? "").split("~")) {
    const cut = part.indexOf(":");
    const name = part.slice(0, cut), value = part.slice(cut + 1);
    const number = /^\d{1,6}$/.test(value) ? Number(value) : NaN;
    if (name === "k" && number >= 1) view.k = Math.min(MOST_NEIGHBOURS, number);
    else if (name === "cols") view.columns = value.split(",").filter((one) => NAME.test(one));
    else if (name === "by" && SORTS.includes(value)) view.sort = value;
    else if (name === "xray" && NAME.test(value)) view.xray = value;
    else if (name === "probe" && number >= 1) view.probes = number;
    else if (name === "step" && number >= 1 && number <= STEPS) view.step = number;
  }
  return view;
}
