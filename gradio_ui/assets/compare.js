// The Compare tab: one query in every index, its columns or the X-ray of one of them; follows the page's state.

import { compareQuery, queryWords } from "./compare-query.js";
import { links } from "./compare-links.js";
import { encodeView, parseView, SORTS } from "./compare-state.js";
import { comparisonTable, ordered, walkable } from "./compare-table.js";
import { button, closing, h, icon } from "./dom.js";
import { compareFilters } from "./compare-filters.js";
import { typedWhere } from "./filters.js";
import { all, chosen, find, navigate, NO_PICTURE, onGalleries, searchStored, state, subscribe } from "./store.js";
import { xrayPanel } from "./xray.js";

const COUNTS = [5, 10, 20, 50];
const SORT_NAMES = { listed: "as listed", recall: "recall", time: "time", memory: "memory", compared: "compared" };
const HINT = "Point at a picture to see which indexes found it, and why the others did not.";

export function mount({ element, props, server, upload, watch }) {
  const root = element.querySelector(".pm-compare");
  let answer = null, asked = "", ticket = 0, pinned = null, reasons = {};

  const trouble = h("div", { class: "pm-compare-trouble", role: "alert", hidden: true });
  const query = compareQuery({ upload, server, mostBytes: props.max_upload_bytes, problem });
  const examples = h("div", { class: "pm-compare-examples" });
  const empty = h("section", { class: "pm-compare-empty", hidden: true },
    h("h1", {}, "One picture, every index at once"),
    h("p", {}, "See side by side what each index finds and misses, how long it takes and what it weighs; then look into one search step by step."),
    button("Choose a picture", { class: "pm-button pm-primary", iconName: "picture", onclick: query.choose }), examples);

  const title = h("h1", {}), account = h("p", { class: "pm-quiet", role: "status", "aria-live": "polite" });
  const views = h("div", { class: "pm-compare-views", role: "group", "aria-label": "What to show" });
  const filters = compareFilters();
  const strip = h("div", { class: "pm-compare-strip" }, query.element,
    h("div", { class: "pm-compare-about" }, title, account,
      h("div", { class: "pm-compare-bar" }, views, button("Another picture", { iconName: "picture", onclick: query.choose }), filters.menu), filters.chips));

  const count = h("select", { onchange: () => go({ k: Number(count.value) }) }, COUNTS.map((k) => h("option", { value: k }, String(k))));
  const sort = h("select", { onchange: () => go({ sort: sort.value }) }, SORTS.map((name) => h("option", { value: name }, SORT_NAMES[name])));
  const pickList = h("div", { class: "pm-compare-picks" });
  const pickSummary = h("span", {}, "Columns");
  const pick = closing(h("details", { class: "pm-compare-menu" }, h("summary", { class: "pm-button" }, pickSummary, icon("more")), h("div", { class: "pm-popover" }, pickList)));
  const save = closing(h("details", { class: "pm-compare-menu" }, h("summary", { class: "pm-button" }, icon("save"), h("span", {}, "Save")),
    h("div", { class: "pm-popover" },
      ["csv", "json"].map((kind) => h("button", { type: "button", class: "pm-menu-item", onclick: () => saveAs(kind) },
        h("strong", {}, kind === "csv" ? "Table (CSV)" : "Everything (JSON)"), h("span", {}, kind === "csv" ? "an index in each row" : "as the command line gives it"))))));
  const told = h("p", { class: "pm-compare-told" }, HINT);
  const frame = h("div", { class: "pm-compare-frame", tabindex: "-1", onpointerleave: () => pinned === null && unlink() });
  const line = links(frame);
  const columnsView = h("section", { class: "pm-compare-columns", "aria-label": "All indexes" },
    h("div", { class: "pm-compare-tools" },
      h("label", {}, "Neighbours", count), h("label", {}, "Sort by", sort), pick, save), told, frame);
  const xray = xrayPanel({ server, request, navigateView: go, problem });
  const nothing = h("p", { class: "pm-compare-nothing", role: "status", hidden: true }, "No picture of the gallery passes these filters, so that there is nothing to compare or to look into. Take one of them away above.");
  const work = h("section", { class: "pm-compare-work", hidden: true }, strip, nothing, columnsView, xray.element);
  const waiting = h("p", { class: "pm-compare-waiting pm-quiet", role: "status", hidden: true }, "Asking every index. The first time they are loaded, which takes some seconds.");
  root.append(query.input, trouble, empty, waiting, work, h("div", { class: "pm-dropzone", "aria-hidden": "true" }, "Drop the picture to compare the indexes with it"));

  const view = () => parseView(state().compare);
  function go(changes, { replace = false } = {}) {
    navigate({ compare: encodeView({ ...view(), ...changes }) }, { replace });
  }

  function request(extra = {}) {
    const now = state();
    return { gallery: chosen().address, id: now.id, path: now.upload?.path ?? null, region: now.region, quarter_turns: now.turns,
      mirrored: now.mirrored, where: typedWhere(now.where, chosen().facets), k: view().k, ...extra };
  }

  async function follow() {
    const now = state(), entry = chosen();
    if (now.tab !== "compare" || !entry) return;
    if (!entry.ready) return problem("This gallery is not ready", entry.message);
    if (now.id === null && !now.upload) {
      asked = "";
      answer = null;
      examples.replaceChildren(...query.examples());
      return only(empty);
    }
    const key = JSON.stringify([entry.address, now.id, now.upload?.path, now.turns, now.mirrored, now.region, now.where, view().k]);
    if (key === asked) return draw();
    asked = key;
    const mine = ++ticket;
    root.setAttribute("aria-busy", "true");
    if (!answer) only(waiting);
    const found = await server.compare(request()).catch(noAnswer);
    if (mine !== ticket) return;
    root.removeAttribute("aria-busy");
    if (found.error) {
      asked = "";
      return problem("That cannot be compared", found.error);
    }
    answer = found;
    reasons = {};
    pinned = null;
    only(work);
    draw();
    ask(mine);
  }

  /** Ask why each index missed what it missed; it is told when a picture is pointed at. */
  async function ask(mine) {
    const missed = {}, settings = {};
    for (const column of answer.columns) {
      if (column.missed.length) missed[column.index] = column.missed;
      settings[column.index] = column.knobs;
    }
    const found = await server.reasons(request({ missed, settings })).catch(noAnswer);
    if (mine !== ticket || found.error) return;
    reasons = found.reasons;
    for (const cell of frame.querySelectorAll(".pm-is-missed")) {
      const why = reasons[cell.dataset.index]?.[cell.dataset.id];
      if (why) {
        cell.title = `missed: ${why}`;
        cell.setAttribute("aria-label", `${answer.pictures[cell.dataset.id].alt}, missed by ${cell.dataset.index}: ${why}`);
      }
    }
    if (pinned) tell(...pinned);
  }

  function shownColumns() {
    const wanted = view().columns;
    const usable = answer.columns.filter((one) => !one.reason && (!wanted || wanted.includes(one.index)));
    return ordered(usable, view().sort);
  }

  function draw() {
    if (!answer) return;
    const now = view(), words = queryWords(answer.query);
    trouble.hidden = true;
    title.textContent = words.name;
    const tried = answer.columns.filter((one) => !one.reason).length;
    const filtered = answer.n_searched < chosen().count ? " that pass the filters" : "";
    account.textContent = [words.changes ? `searched with ${words.changes}` : "", `${answer.n_searched.toLocaleString("en")} pictures${filtered} in ${answer.title}`,
      `${tried} indexes`, !answer.query || words.changes ? `encoded once in ${answer.encode_ms < 10 ? answer.encode_ms.toFixed(1) : Math.round(answer.encode_ms)} ms` : ""].filter(Boolean).join(" · ");
    query.follow(answer.query);
    filters.follow();
    views.replaceChildren(...[["All indexes", ""], ["X-ray", now.xray || "ivfpq"]].map(([label, index]) =>
      h("button", { type: "button", "aria-pressed": String(Boolean(index) === Boolean(now.xray)), onclick: () => go({ xray: index }) }, label)));
    const isEmpty = !answer.n_searched;
    nothing.hidden = !isEmpty;
    columnsView.hidden = isEmpty || Boolean(now.xray);
    xray.element.hidden = isEmpty || !now.xray;
    if (isEmpty) return;
    if (now.xray) return xray.follow(now, answer);
    count.value = String(now.k);
    if (!count.value) count.append(h("option", { value: now.k, selected: true }, String(now.k)));
    sort.value = now.sort;
    drawPicks(now);
    const columns = shownColumns();
    const table = comparisonTable(answer, columns, {
      sort: now.sort, onsort: (name) => go({ sort: name }), onxray: (index) => go({ xray: index, step: 1 }),
      oncell: (kind, id, column, pressed) => point(kind, id, column, pressed),
    });
    frame.replaceChildren(columns.length ? table : h("p", { class: "pm-quiet" }, "Choose at least one column."), line.element);
    walkable(table);
    unlink();
    line.again();
  }

  function drawPicks(now) {
    const usable = answer.columns.filter((one) => !one.reason);
    const on = (one) => !now.columns || now.columns.includes(one.index);
    pickSummary.textContent = now.columns ? `${usable.filter(on).length} of ${usable.length} columns` : `All ${usable.length} columns`;
    const change = () => {
      const checked = [...pickList.querySelectorAll("input:checked")].map((one) => one.name);
      go({ columns: checked.length === usable.length ? null : checked });
    };
    const had = pickList.contains(document.activeElement) ? document.activeElement.name : null;
    pickList.replaceChildren(...answer.columns.map((one) => h("label", { class: "pm-compare-pick" },
      h("input", { type: "checkbox", name: one.index, checked: !one.reason && on(one), disabled: Boolean(one.reason), onchange: change }),
      h("span", {}, h("b", {}, one.index), h("small", {}, one.reason || one.summary)))),
    h("div", { class: "pm-compare-quick" }, button("All", { onclick: () => go({ columns: null }) }),
      button("Ours", { onclick: () => go({ columns: usable.map((one) => one.index).filter((name) => !name.startsWith("faiss") && !name.startsWith("milvus")) }) })));
    if (had) pickList.querySelector(`[name="${had}"]`)?.focus();
  }

  // --- pointing at pictures ---

  function point(kind, id, column, pressed) {
    if (pressed) pinned = pinned && pinned[1] === id && pinned[2] === column ? null : [kind, id, column];
    else if (pinned) return;
    line.show(id);
    tell(kind, id, column);
  }

  function tell(kind, id, column) {
    const columns = shownColumns(), card = answer.pictures[id];
    const place = answer.truth.findIndex((one) => one.id === id);
    const finders = columns.filter((one) => one.results.some((result) => result.image_id === id));
    const why = kind === "missed" ? reasons[column.index]?.[id] : "";
    const likeness = (answer.similarities[id] ?? 0).toFixed(3);
    told.replaceChildren(h("span", {}, h("b", {}, card.alt),
      place >= 0 ? ` · true neighbour ${place + 1} of ${answer.truth.length}, similarity ${likeness}` : ` · not among the ${answer.truth.length} nearest, similarity ${likeness}`,
      ` · found by ${finders.length} of ${columns.length}`),
    kind === "missed" ? h("span", { class: "pm-compare-why" }, `Missed by ${column.index}${why ? `: ${why}` : ""}.`) : null,
    pinned ? h("span", { class: "pm-compare-act" },
      kind === "missed" && column.is_xrayed ? button("X-ray of this miss", { onclick: () => go({ xray: column.index, step: 6 }) }) : null,
      button("Compare with this", { onclick: () => navigate({ ...NO_PICTURE, id }) }),
      button("Search with this", { onclick: () => searchStored(answer.gallery, id) }),
      button("Let go", { iconName: "close", quiet: true, onclick: () => ((pinned = null), unlink()) })) : null);
  }

  function unlink() {
    pinned = null;
    line.show(null);
    told.replaceChildren(HINT);
  }

  root.addEventListener("keydown", (event) => event.key === "Escape" && pinned && unlink());

  async function saveAs(kind) {
    save.open = false;
    const found = await server.save(request({ kind, names: shownColumns().map((one) => one.index) })).catch(noAnswer);
    if (found.error) problem("That could not be saved", found.error);
    else h("a", { href: found.file, download: found.name }).click();
  }

  function only(section) {
    trouble.hidden = true;
    for (const one of [empty, waiting, work]) one.hidden = one !== section;
  }

  function problem(head, message) {
    root.removeAttribute("aria-busy");
    const known = chosen() ?? all()?.[0];
    trouble.replaceChildren(h("h2", {}, head), h("p", {}, message), h("div", { class: "pm-compare-bar" },
      button("Choose another picture", { onclick: query.choose }),
      known ? button(`Begin again in ${known.title}`, { onclick: () => ((asked = ""), navigate({ ...NO_PICTURE, where: {}, gallery: known.address }), follow()) }) : null));
    trouble.hidden = false;
    waiting.hidden = true;
    if (!answer) work.hidden = empty.hidden = true;
  }

  watch("value", () => {
    const sent = typeof props.value === "string" && props.value ? JSON.parse(props.value) : null;
    if (sent?.image_id !== undefined) navigate({ ...NO_PICTURE, tab: "compare", gallery: find(sent.gallery)?.address ?? sent.gallery, id: sent.image_id });
    else if (sent?.path) navigate({ ...NO_PICTURE, tab: "compare", upload: { path: sent.path, url: new URL(`gradio_api/file=${sent.path}`, document.baseURI).href, name: sent.name } });
  });
  subscribe(follow);
  onGalleries(() => ((asked = ""), follow()));
}

function noAnswer(error) {
  console.error(error);
  return { error: "The page's server did not answer. Is it still running? Then try again." };
}
