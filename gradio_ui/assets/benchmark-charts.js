// The charts of the Benchmark tab, by plotly from the installed package: recall against time and memory, building.

import { frontier, milliseconds, share, words } from "./dial-model.js";
import { bytes, h } from "./dom.js";

// Light and dark; each index of FAISS has the hue of ours that does the same, dashed and hollow.
const HUES = {
  flat: ["#1B1B1A", "#ECEAE4"], kdtree: ["#7A5600", "#E3B95B"], lsh: ["#AE2A12", "#FF8E78"], hash: ["#8B3F74", "#E39BCB"],
  "minhash-lsh": ["#6B5B95", "#B9A7E8"], ivfpq: ["#2B4C9B", "#92ADF5"], "opq-ivfpq": ["#0F6E84", "#63C7DE"], lopq: ["#1F7A5C", "#6CCBA7"],
  "faiss-flat": ["#1B1B1A", "#ECEAE4"], "faiss-lsh": ["#AE2A12", "#FF8E78"], "faiss-ivfpq": ["#2B4C9B", "#92ADF5"],
  "faiss-ivfpqfs": ["#0F6E84", "#63C7DE"], "faiss-ivfflat": ["#5F5D58", "#A5A39D"], "faiss-hnsw": ["#1F7A5C", "#6CCBA7"],
};
const LENGTHS = { 8: "dot", 16: "dashdot", 32: "longdash", 64: "longdashdot" };

const narrow = window.matchMedia("(max-width: 900px)"); // charts stand under one another then, and share a legend

let loading = null;

/** Load plotly once; rejects where it cannot be had. */
export function loadPlotly(url) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((resolve, reject) => {
    const script = h("script", { src: url, onload: () => resolve(window.Plotly), onerror: () => {
      loading = null;
      reject(new Error("plotly.js could not be loaded"));
    } });
    document.head.append(script);
  });
  return loading;
}

/** A traces-and-axes drawing of recall@k against a cost of each setting. `cost`: "p50_ms" or "bytes". */
export function recallFigure(data, k, cost, dark, shown) {
  const per = cost === "bytes" ? data.count : 1;
  const traces = data.curves.map((curve) => {
    const best = frontier(curve.points, k, (point) => point[cost]);
    const colour = hue(curve.index, dark);
    const theirs = curve.index.startsWith("faiss-");
    return {
      type: "scatter", mode: "lines+markers", name: curve.key, x: best.map((point) => point.recall[k]), y: best.map((point) => point[cost] / per),
      customdata: best.map((point) => ({ key: curve.key, knobs: point.knobs })),
      text: best.map((point) => `<b>${words(curve.key, point.knobs)}</b><br>recall@${k} ${share(point.recall[k])} ± ${share(point.error[k])}<br>${milliseconds(point.p50_ms)}, ${bytes(point.bytes)}`),
      hovertemplate: "%{text}<extra></extra>", visible: shown(curve.key) ? true : "legendonly",
      line: { color: colour, width: theirs ? 1.5 : 2.2, dash: theirs ? "dash" : LENGTHS[curve.code_bytes] ?? "solid" },
      marker: { color: theirs ? ground(dark) : colour, size: 7, line: { color: colour, width: 1.5 }, symbol: theirs ? "square" : "circle" },
    };
  });
  const yaxis = { title: { text: cost === "bytes" ? "bytes a picture" : "ms a query" }, type: "log", ...ticks(traces.flatMap((trace) => trace.y)) };
  return { traces, layout: layout(dark, { xaxis: { title: { text: `recall@${k}` }, tickformat: ".2~f" }, yaxis, showlegend: cost !== "bytes" || !narrow.matches }) };
}

/** Bars of the seconds that building takes. */
export function buildFigure(data, dark) {
  const sorted = [...data.curves].sort((a, b) => b.build_s - a.build_s);
  const trace = {
    type: "bar", orientation: "h", y: sorted.map((curve) => curve.key), x: sorted.map((curve) => curve.build_s),
    text: sorted.map((curve) => seconds(curve.build_s)), textposition: "outside", cliponaxis: false, hovertemplate: "%{y}: %{text}<extra></extra>",
    marker: { color: sorted.map((curve) => (curve.index.startsWith("faiss-") ? ground(dark) : hue(curve.index, dark))), line: { width: 1.5, color: sorted.map((curve) => hue(curve.index, dark)) } },
  };
  const room = layout(dark, { xaxis: { title: { text: "seconds to build, one thread" }, rangemode: "tozero" }, yaxis: { automargin: true }, bargap: 0.35 });
  return { traces: [trace], layout: { ...room, showlegend: false, height: 90 + 27 * sorted.length, margin: { ...room.margin, r: 64 } } };
}

/** Recall against speed of the whole field, as `bench index` wrote it. */
export function fieldFigure(rows, dark) {
  const names = [...new Set(rows.map((row) => row.method))];
  const ours = Object.values(HUES).map((pair) => pair[dark ? 1 : 0]);
  const traces = names.map((name, at) => {
    const own = rows.filter((row) => row.method === name).sort((a, b) => a.recall_10 - b.recall_10);
    const mine = name.startsWith("ours");
    const colour = mine ? ours[(at + 5) % ours.length] : quiet(dark);
    return { type: "scatter", mode: "lines+markers", name, x: own.map((row) => row.recall_10), y: own.map((row) => row.queries_per_s),
      hovertemplate: `<b>${name}</b><br>recall@10 %{x:.3f}<br>%{y:,.0f} queries/s<extra></extra>`,
      line: { color: colour, width: mine ? 2.2 : 1.2, dash: mine ? "solid" : "dash" }, marker: { size: 6, symbol: at % 20 } };
  });
  return { traces, layout: layout(dark, { xaxis: { title: { text: "recall@10" } }, yaxis: { title: { text: "queries per second, one thread" }, type: "log", ...ticks(rows.map((row) => row.queries_per_s)) } }) };
}

/** Draw into an element, or draw again. */
export function draw(Plotly, element, { traces, layout: wanted }, name) {
  return Plotly.react(element, traces, wanted, { responsive: true, displaylogo: false, displayModeBar: false, toImageButtonOptions: { filename: name } });
}

/** Save a chart as PNG, twice its size on the page, on its ground. */
export function savePng(Plotly, element, name) {
  return Plotly.downloadImage(element, { format: "png", filename: name, width: Math.max(900, element.clientWidth), height: Math.max(520, element.clientHeight), scale: 2 });
}

/** Seconds for people. */
export function seconds(value) {
  return value < 10 ? `${Number(value.toPrecision(2))} s` : value < 100 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
}

/** Ticks of a logarithmic axis at 1, 2 and 5 times powers of ten; at powers alone where those are many. */
function ticks(values) {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const steps = high - low > 2.5 ? [1] : [1, 2, 5];
  const tickvals = [];
  for (let power = Math.floor(low) - 1; power <= high + 1; power++) tickvals.push(...steps.map((step) => Number(`${step}e${power}`)));
  return { tickvals, ticktext: tickvals.map((value) => value.toLocaleString("en", { maximumSignificantDigits: 2 })) };
}

function hue(index, dark) {
  return (HUES[index] ?? ["#5F5D58", "#A5A39D"])[dark ? 1 : 0];
}

function ground(dark) {
  return dark ? "#1C1D20" : "#FFFFFF";
}

function quiet(dark) {
  return dark ? "#A5A39D" : "#5F5D58";
}

function layout(dark, axes) {
  const line = dark ? "#2E3034" : "#E4E0D8";
  const ink = dark ? "#ECEAE4" : "#1B1B1A";
  const axis = { gridcolor: line, linecolor: line, zeroline: false, automargin: true, tickfont: { color: quiet(dark) } };
  const { xaxis, yaxis, ...rest } = axes;
  return {
    paper_bgcolor: ground(dark), plot_bgcolor: ground(dark), font: { family: 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif', size: 12, color: ink },
    margin: { l: 56, r: 16, t: 12, b: 48 }, hovermode: "closest", hoverlabel: { bgcolor: ground(dark), bordercolor: line, font: { color: ink } },
    legend: { orientation: "h", y: -0.24, yanchor: "top", x: 0, font: { size: 12 } }, xaxis: { ...axis, ...xaxis },
    yaxis: { ...axis, ...yaxis, title: { standoff: 14, ...yaxis.title } }, ...rest,
  };
}
