// What `python -m core bench` has written beside the page's folder: shown as it is, with the chart of the field.

import { draw, fieldFigure, savePng } from "./benchmark-charts.js";
import { button, h } from "./dom.js";

const TITLES = { index: "Our IVFPQ against FAISS's, and the field", search: "Searching and importing", codec: "The codec", map: "The map" };

/** Elements for stored results; `plotly()` resolves to Plotly, or rejects; `onTheme(redraw)` remembers what depends on it. */
export function storedResults(results, { plotly, dark, onTheme }) {
  if (!results.length) {
    return [h("p", { class: "pm-bench-quiet" }, "No results of whole benchmarks are stored here. In Pentimento's folder, ", h("code", {}, "make bench"), " runs them all and writes them to bench-results/.")];
  }
  return results.map((one) => {
    const body = one.name === "index" && one.content.search ? indexResult(one.content, { plotly, dark, onTheme }) : [facts(one.content)];
    return h("details", { class: "pm-bench-result" },
      h("summary", {}, TITLES[one.name] ?? one.name, h("small", {}, ` bench-results/${one.name}.json, ${new Date(one.updated * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}`)),
      ...body);
  });
}

function indexResult(content, { plotly, dark, onTheme }) {
  const rows = content.search.map((row) => [row.n_probe, ratio(row.single_us, row.single_ratio), ratio(row.batch_us, row.batch_ratio), ratio(row.two_threads_us, row.two_threads_ratio), row.ids_equal.toFixed(4), row.recall_10.faiss.toFixed(3)]);
  const built = Object.entries(content.build).map(([step, row]) => [step, row.faiss_s.toFixed(2), row.ours_s.toFixed(2), row.ratio.toFixed(2)]);
  const made = [
    h("p", { class: "pm-bench-quiet" }, `${content.data}: ${content.n.toLocaleString("en")} vectors of ${content.dim} dimensions, ${content.n_lists} lists, ${content.n_subspaces} codes; FAISS ${content.faiss}. Microseconds a query, FAISS's / ours, and how many times faster ours is.`),
    table(["n_probe", "single query", "batch", "batch, 2 threads", "ids equal", "recall@10"], rows),
    table(["building, CPU seconds", "FAISS", "ours", "times faster"], built),
  ];
  if (content.field?.length) made.push(fieldChart(content.field, { plotly, dark, onTheme }));
  return made;
}

function ratio(microseconds, times) {
  return `${microseconds.faiss.toFixed(0)} / ${microseconds.ours.toFixed(0)}: ${times.toFixed(1)}×`;
}

function fieldChart(rows, { plotly, dark, onTheme }) {
  const plot = h("div", { class: "pm-bench-plot", role: "img", "aria-label": "Recall against speed of ours, FAISS's and other libraries' indexes" });
  const save = button("PNG", { iconName: "save", onclick: () => plotly().then((Plotly) => savePng(Plotly, plot, "field")) });
  const box = h("figure", { class: "pm-bench-chart" }, h("figcaption", {}, h("span", {}, "Recall against speed: the whole field"), save), plot);
  // A closed <details> has no width to draw into.
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    const redraw = () => plotly().then((Plotly) => draw(Plotly, plot, fieldFigure(rows, dark()), "field"), () => box.remove());
    onTheme(redraw);
    redraw();
  }).observe(plot);
  return box;
}

/** Every number and word of an object, nested names joined. */
function facts(content) {
  const rows = [];
  const walk = (value, name) => {
    if (Array.isArray(value) && value.every((one) => typeof one !== "object")) rows.push([name, value.map(shown).join(", ") || "none"]);
    else if (value && typeof value === "object") Object.entries(value).forEach(([key, inner]) => walk(inner, name ? `${name}: ${key}` : key));
    else rows.push([name, shown(value)]);
  };
  walk(content, "");
  return table(["", ""], rows.map(([name, value]) => [name.replaceAll("_", " "), value]));
}

function shown(value) {
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value);
}

/** A table of texts; the first cell of a row is its head. */
export function table(heads, rows) {
  return h("div", { class: "pm-bench-scroll", tabindex: "0" }, h("table", { class: "pm-bench-table" },
    heads.some(Boolean) ? h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))) : null,
    h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, String(first)), rest.map((cell) => h("td", {}, cell)))))));
}
