// The Benchmark tab: measured curves of the chosen gallery's indexes, the recall dial, and measuring itself.

import { buildFigure, draw, loadPlotly, recallFigure, savePng, seconds } from "./benchmark-charts.js";
import { storedResults, table } from "./benchmark-results.js";
import { dial } from "./dial.js";
import { call, frontier, milliseconds, share } from "./dial-model.js";
import { button, bytes, closing, h } from "./dom.js";
import { chosen, navigate, onGalleries, queryKey, state, subscribe } from "./store.js";
import { follow as followTheme, isDark } from "./theme.js";

const POLL_MS = 500;
const LEVELS = [0.9, 0.95, 0.99];

export function mount({ element, server }) {
  const root = element.querySelector(".pm-bench");
  const place = h("div"), stored = h("section", { class: "pm-bench-stored", "aria-label": "Stored results" });
  root.append(place, stored);
  const hidden = new Set();
  const redraws = new Set();
  let address = "", ticket = 0, view = null, dark = isDark(), asked = "", script = "";

  const plotly = () => (script ? loadPlotly(new URL(script, document.baseURI).href) : Promise.reject(new Error("plotly is not installed")));
  const hand = dial({ server, use, build, turned });

  async function follow() {
    const now = state(), entry = chosen();
    if (!entry || now.tab !== "benchmark") return;
    if (entry.address !== address) {
      address = entry.address;
      asked = queryKey(now);
      await open(address);
    } else if (queryKey(now) !== asked) {
      asked = queryKey(now);
      hand.refresh();
    } else view?.redraw(); // it was hidden, and may have another width
  }

  async function open(gallery) {
    const mine = ++ticket;
    const answer = await call(server.open_curves({ gallery }));
    if (mine !== ticket) return;
    view = null;
    if (answer.error) say("The curves cannot be shown", answer.error, () => open(gallery));
    else if (answer.state === "building") await watch(gallery, mine);
    else if (answer.state === "missing") offer(gallery, answer);
    else show(gallery, answer);
    await showStored(mine);
  }

  async function showStored(mine) {
    const answer = await call(server.results({}));
    if (mine !== ticket || answer.error) return;
    script = answer.plotly;
    redraws.clear();
    stored.replaceChildren(h("h2", {}, "Stored benchmarks"), ...storedResults(answer.results, { plotly, dark: () => dark, onTheme: (redraw) => redraws.add(redraw) }));
  }

  // --- measuring ---

  function offer(gallery, { count, indexes, expected_s, message, stale }) {
    const what = stale ? "The pictures have changed since the indexes were measured." : "The indexes of this gallery have not been measured.";
    const text = message || `${what} Measuring searches its ${indexes} indexes, and IVFPQ with longer and shorter codes, at every sensible setting, and compares with the exact answer: about ${seconds(Math.ceil(expected_s))} for ${count.toLocaleString("en")} pictures. It can be stopped and continued.`;
    place.replaceChildren(h("div", { class: "pm-bench-empty" }, h("h1", {}, "How exact, how quick, how large?"), h("p", {}, text),
      message ? null : button("Measure the indexes", { class: "pm-button pm-primary", onclick: () => measure(gallery, false) })));
  }

  async function measure(gallery, rebuild) {
    const answer = await call(server.start({ gallery, rebuild }));
    if (answer.error) say("The indexes could not be measured", answer.error, () => measure(gallery, rebuild));
    else await watch(gallery, ++ticket);
  }

  /** Show progress until the work has ended; then open again, and call `then` if all went well. */
  async function watch(gallery, mine, then = null) {
    const what = h("p", { role: "status" }), bar = h("progress", { "aria-label": "Measuring the indexes" });
    const stop = button("Cancel", { onclick: () => { stop.disabled = true; server.cancel({ gallery }); } });
    place.replaceChildren(h("div", { class: "pm-bench-empty" }, h("h1", {}, then ? "Building the index" : "Measuring the indexes"), what, bar, stop));
    for (;;) {
      const answer = await call(server.progress({ gallery }));
      if (mine !== ticket) return;
      if (answer.error) return say("That could not be done", answer.error, () => open(gallery));
      if (answer.state !== "building") {
        await open(gallery);
        if (then && !stop.disabled) then();
        return;
      }
      const share_ = answer.total ? `, ${Math.round((100 * answer.done) / answer.total)} %` : "";
      what.textContent = `${answer.what[0].toUpperCase()}${answer.what.slice(1)}${share_}${answer.left ? `, ${answer.left} left` : ""}`;
      if (answer.total) bar.value = answer.done / answer.total;
      else bar.removeAttribute("value");
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  function say(title, message, again) {
    place.replaceChildren(h("div", { class: "pm-bench-empty", role: "alert" }, h("h1", {}, title), h("p", {}, message), again ? button("Try again", { onclick: again }) : null));
  }

  // --- what the dial does ---

  function use({ curve, point }) {
    navigate({ tab: "search", index: curve.index === chosen().default_index ? "" : curve.index, knobs: { ...point.knobs } });
  }

  async function build({ curve, point }) {
    const gallery = address;
    const answer = await call(server.apply_setting({ gallery, key: curve.key, knobs: point.knobs }));
    if (answer.error) say("The index could not be built", answer.error, () => open(gallery));
    else await watch(gallery, ++ticket, () => use({ curve, point }));
  }

  function turned(entry) {
    view?.mark(entry);
  }

  // --- the curves ---

  function show(gallery, found) {
    script = found.plotly;
    const known = Object.keys(found.curves[0]?.points[0]?.recall ?? {});
    if (!known.length) {
      say("Nothing could be measured", found.unavailable.map((one) => `${one.index}: ${one.reason}`).join(" "), () => measure(gallery, true));
      return;
    }
    view = charts(gallery, found, known);
    const notice = found.notice ? h("div", { class: "pm-bench-notice", role: "status" }, h("span", {}, found.notice), button("Measure them", { onclick: () => measure(gallery, false) })) : null;
    const measured = new Date(found.updated).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
    place.replaceChildren(
      h("div", { class: "pm-bench-head" },
        h("div", {}, h("h1", {}, "How exact, how quick, how large"),
          h("p", { class: "pm-bench-quiet" }, `${found.count.toLocaleString("en")} pictures, ${found.dim.toLocaleString("en")} dimensions. ${found.queries} stored pictures as queries, each left out of its own answer, against the exact answer; one thread; measured ${measured}.`)),
        saveMenu(gallery), button("Measure again", { onclick: () => measure(gallery, true) })),
      ...(notice ? [notice] : []), h("h2", {}, "Recall dial"), hand.element, ...view.elements);
    hand.show(found);
    view.redraw();
  }

  function saveMenu(gallery) {
    const save = async (kind) => {
      const answer = await call(server.files({ gallery }));
      if (answer.error) say("That could not be saved", answer.error, () => open(gallery));
      else h("a", { href: answer[kind].file, download: answer[kind].name }).click();
    };
    return closing(h("details", { class: "pm-bench-save" }, h("summary", { class: "pm-button" }, "Download"),
      h("div", { class: "pm-popover" }, button("Every setting, CSV", { onclick: () => save("csv") }), button("Every setting, JSON", { onclick: () => save("json") }))));
  }

  function charts(gallery, found, known) {
    let k = known.includes("10") ? "10" : known.at(-1);
    const depths = h("div", { class: "pm-bench-depths", role: "radiogroup", "aria-label": "Recall of how many nearest" }, known.map((one) =>
      h("label", { class: "pm-bench-depth" }, h("input", { type: "radio", name: "pm-bench-k", value: one, checked: one === k, onchange: () => { k = one; redraw(); } }), `recall@${one}`)));
    const time = chart("Recall against time", "Below and to the right is better: the quickest setting for each recall.", "time");
    const memory = chart("Recall against memory", "What each setting needs in memory, ids and quantizers included.", "memory");
    const building = chart("Building", "Processor time of one thread, to train and to fill.", "building");
    const summary = h("div");
    let marked = null;

    function chart(title, note, name) {
      const plot = h("div", { class: name === "building" ? "pm-bench-plot pm-bench-bars" : "pm-bench-plot", role: "img", "aria-label": `${title}: the table below has the numbers` });
      const file = `${name}-${found.gallery.replace("@", "-")}`;
      const save = button("PNG", { iconName: "save", title: `Save “${title}” as a picture`, onclick: () => plotly().then((Plotly) => savePng(Plotly, plot, file)) });
      return { plot, file, box: h("figure", { class: "pm-bench-chart" }, h("figcaption", {}, h("span", {}, title, h("small", {}, note)), save), plot) };
    }

    function redraw() {
      summary.replaceChildren(table(["Index", "Memory", "Build", ...LEVELS.map((level) => `${share(level)} recall@${k}`), "Highest recall"], found.curves.map((curve) => {
        const best = frontier(curve.points, k, (point) => point.p50_ms);
        const quickest = LEVELS.map((level) => best.find((point) => point.recall[k] >= level));
        return [curve.key, bytes(Math.max(...curve.points.map((point) => point.bytes))), seconds(curve.build_s),
          ...quickest.map((point) => (point ? milliseconds(point.p50_ms) : "–")), share(best.at(-1).recall[k])];
      })));
      plotly().then((Plotly) => {
        if (view?.redraw !== redraw || !time.plot.clientWidth) return null;
        const shown = (key) => !hidden.has(key);
        return Promise.all([
          recall(Plotly, time, recallFigure(found, k, "p50_ms", dark, shown), (point) => point.p50_ms),
          recall(Plotly, memory, recallFigure(found, k, "bytes", dark, shown), (point) => point.bytes / found.count),
          draw(Plotly, building.plot, buildFigure(found, dark), building.file),
        ]);
      }).catch((error) => {
        const message = `There are no charts: ${error.message}. The table has the numbers.`;
        for (const one of [time, memory, building]) one.plot.replaceChildren(h("p", { class: "pm-bench-quiet" }, message));
      });
    }

    /** Draw a chart of curves, with a ring where the dial stands; a press on a point turns the dial to it. */
    async function recall(Plotly, { plot, file }, figure, cost) {
      if (marked) {
        figure.traces.push({ type: "scatter", mode: "markers", x: [marked.point.recall[k]], y: [cost(marked.point)], showlegend: false, hoverinfo: "skip",
          marker: { symbol: "circle-open", size: 18, color: dark ? "#ECEAE4" : "#1B1B1A", line: { width: 2 } } });
      }
      const isNew = !plot.on;
      await draw(Plotly, plot, figure, file);
      if (!isNew) return;
      plot.on("plotly_click", (event) => {
        const wanted = event.points[0]?.customdata;
        const curve = wanted && found.curves.find((one) => one.key === wanted.key);
        if (curve) hand.turnTo({ curve, point: curve.points.find((one) => JSON.stringify(one.knobs) === JSON.stringify(wanted.knobs)) });
      });
      plot.on("plotly_legendclick", (event) => {
        const { key } = event.data[event.curveNumber].customdata[0];
        if (!hidden.delete(key)) hidden.add(key);
        redraw();
        return false;
      });
    }

    return {
      elements: [
        h("div", { class: "pm-bench-bar" }, h("h2", {}, "Every index, every setting"), depths),
        h("p", { class: "pm-bench-quiet" }, "Solid with circles: ours. Dashed with squares: FAISS's. “ivfpq-32” is our IVFPQ with codes of 32 bytes. Press a point to turn the dial to it, a name to hide it."),
        h("div", { class: "pm-bench-charts" }, time.box, memory.box), h("div", { class: "pm-bench-charts" }, building.box,
          h("figure", { class: "pm-bench-chart" }, h("figcaption", {}, h("span", {}, "The quickest setting for each recall", h("small", {}, "Median of single queries, by the index alone"))), summary,
            found.unavailable.length ? h("p", { class: "pm-bench-quiet" }, found.unavailable.map((one) => `${one.index}: ${one.reason}.`).join(" ")) : null)),
      ],
      redraw,
      mark(entry) {
        marked = entry;
        redraw();
      },
    };
  }

  followTheme((now) => {
    dark = now;
    view?.redraw();
    redraws.forEach((redraw) => redraw());
  });
  subscribe(follow);
  onGalleries(follow);
  follow();
}
