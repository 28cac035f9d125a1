// The Compress tab: a picture in, a slider whose positions carry bytes, and what each choice costs, measured.

import { archivePanel } from "./compress-archive.js";
import { foundRows } from "./compress-finds.js";
import { count, noAnswer, ratio, time } from "./compress-words.js";
import { viewer } from "./compress-viewer.js";
import { button, debounced, h } from "./dom.js";
import { receiveFiles } from "./dropping.js";
import { chosen, onGalleries, searchStored, subscribe } from "./store.js";

const FORMATS = ["webp", "avif", "jxl", "jpeg"];
const FIRST_QUALITY = 3;

export function mount({ element, props, server, upload, watch }) {
  const root = element.querySelector(".pm-compress");
  const view = viewer();
  let picture = null, position = 0, measured = new Map(), rivalsAt = new Map(), rivals = new Map(), selected = "ours", ticket = 0, compared = "", coding = false, waiting = 0;

  const reading = h("p", { class: "pm-compress-reading", role: "status" });
  const trouble = h("div", { class: "pm-compress-trouble", role: "alert", hidden: true });
  const input = h("input", { type: "file", class: "pm-file", "aria-label": "Choose a picture or an archive", accept: "image/*,.pent,.tif,.tiff,.jxl,.avif,.heic",
    onchange: () => { if (input.files[0]) take(input.files[0]); input.value = ""; } });
  const examples = h("div", { class: "pm-compress-examples" });
  const empty = h("section", { class: "pm-compress-empty" },
    h("h1", {}, "How small can this picture be?"),
    h("p", {}, "Drop a picture here to compress it and see what is lost, or a .pent archive to look into it and search it."),
    button("Choose a picture or an archive", { class: "pm-button pm-primary", iconName: "picture", onclick: () => input.click() }),
    examples);
  const title = h("h1", { class: "pm-compress-title" });
  const slider = h("input", { type: "range", min: "0", max: "10", step: "1", "aria-label": "Quality", class: "pm-compress-slider", oninput: () => choose(Number(slider.value)) });
  const ticks = h("div", { class: "pm-compress-ticks", "aria-hidden": "true" });
  const ruler = h("div", { class: "pm-compress-ruler" }, slider, ticks);
  const numbers = h("dl", { class: "pm-compress-numbers", "aria-live": "polite" });
  const cards = h("div", { class: "pm-compress-cards", role: "radiogroup", "aria-label": "What the same bytes give" });
  const files = h("div", { class: "pm-compress-files" });
  const chart = h("figure", { class: "pm-compress-chart" });
  const finds = h("section", { class: "pm-compress-finds", "aria-label": "What search still finds" });
  const work = h("section", { class: "pm-compress-work", hidden: true },
    h("div", { class: "pm-compress-head" }, title, button("Another picture", { onclick: () => input.click() })),
    view.element, ruler, numbers, files, h("h2", {}, "The same bytes in other formats"), cards,
    h("h2", {}, "Rate and distortion of this picture"), chart, finds);
  const archive = archivePanel({ server, upload, problem, close: () => showOnly(picture ? work : empty) });
  root.append(h("div", { class: "pm-progress", "aria-hidden": "true" }), reading, input, trouble, empty, work, archive.element, h("div", { class: "pm-dropzone", "aria-hidden": "true" }, "Drop the picture, or a .pent archive"));

  // --- a picture comes in ---

  async function take(file) {
    if (file.size > props.max_upload_bytes) return problem(`${file.name} is larger than the ${Math.round(props.max_upload_bytes / 2 ** 20)} MB that the page takes.`);
    try {
      const { path } = await during(`Reading ${file.name}`, upload(file));
      if (file.name.toLowerCase().endsWith(".pent")) {
        if (await during(`Opening ${file.name}`, archive.open(path, file.name))) showOnly(archive.element);
      } else await open({ path, name: file.name });
    } catch (error) {
      console.error(error);
      problem(`${file.name} could not be sent. Is the page still running? Then try again.`);
    }
  }

  /** Say what is being waited for. */
  async function during(what, work) {
    waiting++;
    root.setAttribute("aria-busy", "true");
    reading.textContent = `${what} …`;
    try {
      return await work;
    } finally {
      if (!--waiting) {
        root.removeAttribute("aria-busy");
        reading.textContent = "";
      }
    }
  }

  async function open(request) {
    const mine = ++ticket;
    const answer = await during("Opening the picture", server.open_picture(request).catch(noAnswer));
    if (mine !== ticket) return;
    if (answer.error) return problem(answer.error);
    trouble.hidden = true;
    picture = answer;
    measured = new Map();
    rivalsAt = new Map();
    compared = "";
    title.textContent = answer.title;
    numbers.replaceChildren();
    chart.replaceChildren();
    finds.replaceChildren();
    cards.replaceChildren();
    slider.max = String(answer.positions.length - 1);
    const first = answer.qualities.reduce((best, quality, i) => (Math.abs(quality - FIRST_QUALITY) < Math.abs(answer.qualities[best] - FIRST_QUALITY) ? i : best), 0);
    slider.value = String(first);
    ticks.replaceChildren(...answer.positions.map((_, i) => h("span", { style: `left:${(100 * i) / (answer.positions.length - 1)}%` }, "·")));
    showOnly(work);
    await choose(first);
    if (mine === ticket && answer.eager) await fillRuler(mine, first);
  }

  /** Measure the other positions, nearest first, so that the ruler says what each would cost. */
  async function fillRuler(mine, first) {
    const order = picture.positions.map((_, i) => i).sort((a, b) => Math.abs(a - first) - Math.abs(b - first));
    for (const i of order) {
      while (coding) await new Promise((done) => setTimeout(done, 60)); // what the slider wants comes first
      if (mine !== ticket) return;
      await measure(i);
      if (measured.size >= 3) await draw(mine);
    }
    for (const name of FORMATS) {
      if (mine !== ticket) return;
      await server.curve({ key: picture.key, name }).catch(noAnswer);
      await draw(mine);
    }
  }

  async function measure(i) {
    const at = picture.positions[i];
    if (!measured.has(at)) {
      const mine = ticket;
      const facts = await server.measure({ key: picture.key, position: at }).catch(noAnswer);
      if (mine !== ticket) return;
      if (facts.error) return problem(facts.error);
      if (!measured.has(at)) measured.set(at, facts);
    }
    mark(i, measured.get(at));
  }

  function mark(i, facts) {
    ticks.children[i].replaceChildren(h("b", {}, count(facts.bytes)), h("i", {}, ratio(facts.ratio)));
  }

  // --- the slider ---

  const settle = debounced(async (mine, at) => {
    if (mine !== ticket || at !== position) return;
    await Promise.all([compareFormats(mine, at), draw(mine), compareSearch(mine, at)]);
  }, 350);

  /** Move to a position: what is known of it shows at once, the rest when it has been coded. */
  function choose(i) {
    position = picture.positions[i];
    selected = "ours";
    rivals = rivalsAt.get(position) ?? new Map();
    rivalsAt.set(position, rivals);
    for (const tick of ticks.children) tick.classList.toggle("pm-now", tick === ticks.children[i]);
    const facts = measured.get(position);
    slider.setAttribute("aria-valuetext", facts ? `quality ${picture.qualities[i]}, ${count(facts.bytes)}, ${ratio(facts.ratio)}` : `quality ${picture.qualities[i]}`);
    numbers.classList.toggle("pm-pending", !facts);
    if (facts) showNumbers(facts);
    if (facts?.url) return arrive(i);
    view.waiting(facts ? count(facts.bytes) : "");
    return code();
  }

  /** Have the current position coded. One at a time: positions that the slider only passes over are not asked for. */
  async function code() {
    if (coding) return;
    coding = true;
    const mine = ticket;
    while (mine === ticket && !measured.get(position)?.url) {
      const at = position;
      const facts = await server.show({ key: picture.key, position: at }).catch(noAnswer);
      if (mine !== ticket) break;
      if (facts.error) {
        coding = false;
        return problem(facts.error);
      }
      measured.set(at, facts);
      mark(picture.positions.indexOf(at), facts);
    }
    coding = false;
    if (mine === ticket) arrive(picture.positions.indexOf(position));
    else if (picture) await code();
  }

  function arrive(i) {
    const facts = measured.get(position);
    slider.setAttribute("aria-valuetext", `quality ${picture.qualities[i]}, ${count(facts.bytes)}, ${ratio(facts.ratio)}`);
    numbers.classList.remove("pm-pending");
    display();
    files.replaceChildren(button("Archive, .pent", { iconName: "save", onclick: () => download("archive") }), button("Restored, .png", { iconName: "save", onclick: () => download("restored") }));
    drawCards();
    settle(ticket, position);
  }

  function display() {
    const facts = selected === "ours" ? measured.get(position) : rivals.get(selected);
    view.show({ original: picture.url, restored: facts.url, difference: facts.difference_url, width: picture.width, height: picture.height,
      label: `${selected === "ours" ? "Pentimento" : facts.title}, ${count(facts.bytes)}` });
    showNumbers(facts);
  }

  function showNumbers(facts) {
    const rows = [["Bytes", count(facts.bytes, true)], ["Ratio", ratio(facts.ratio)], ["Bits per pixel", facts.bpp.toFixed(3)], ["PSNR", `${facts.psnr_db.toFixed(2)} dB`],
      ["SSIM", facts.ssim.toFixed(4)], ["MS-SSIM", facts.ms_ssim.toFixed(4)]];
    if (facts.encode_ms !== undefined) rows.push(["Encoded in", time(facts.encode_ms)], ["Decoded in", time(facts.decode_ms)]);
    numbers.replaceChildren(...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  // --- other formats at the same bytes ---

  async function compareFormats(mine, at) {
    const wanted = measured.get(at).bytes;
    const found = rivals;
    for (const name of FORMATS.filter((one) => !found.has(one))) {
      const answer = await server.rival({ key: picture.key, name, bytes: wanted }).catch(noAnswer);
      if (mine !== ticket) return;
      if (!answer.error) found.set(name, answer);
      if (at !== position) return;
      drawCards();
    }
  }

  function drawCards() {
    const focused = cards.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    const known = [["ours", { title: "Pentimento", fits: true, ...measured.get(position) }], ...FORMATS.map((name) => [name, rivals.get(name)])];
    cards.replaceChildren(...known.map(([name, facts]) => facts
      ? h("button", { type: "button", class: "pm-compress-card", role: "radio", "data-name": name, "aria-checked": String(name === selected), onclick: () => pick(name) },
        h("img", { src: facts.url, alt: "", loading: "lazy" }),
        h("b", {}, facts.title),
        facts.fits ? h("span", {}, `${count(facts.bytes)} · ${facts.psnr_db.toFixed(2)} dB · MS-SSIM ${facts.ms_ssim.toFixed(3)}`)
          : h("span", { class: "pm-compress-cannot" }, `cannot go below ${count(facts.bytes)} (${facts.psnr_db.toFixed(2)} dB there)`))
      : h("div", { class: "pm-compress-card pm-waiting", "aria-hidden": "true" }, h("span", {}, "…"))));
    if (focused) cards.querySelector(`[data-name="${focused}"]`)?.focus();
  }

  function pick(name) {
    selected = name;
    display();
    drawCards();
  }

  async function draw(mine) {
    const { svg } = await server.chart({ key: picture.key, position, width: Math.round(Math.min(860, root.clientWidth || 860)) }).catch(noAnswer);
    if (mine !== ticket || !svg) return;
    const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    chart.replaceChildren(document.importNode(parsed, true), h("figcaption", {}, "Whole files of this one picture; ours is the stream alone. Up and left is better."));
  }

  // --- what it does to search ---

  async function compareSearch(mine, at) {
    const entry = chosen();
    if (!entry?.ready && entry?.ready !== undefined) return;
    if (!entry) return;
    const key = `${picture.key} ${at} ${entry.address}`;
    if (key === compared) return;
    const answer = await server.compare_search({ gallery: entry.address, key: picture.key, position: at }).catch(noAnswer);
    if (mine !== ticket || at !== position) return;
    compared = key;
    finds.replaceChildren(...foundRows(answer, (id) => searchStored(entry.address, id)));
  }

  // --- downloads ---

  async function download(kind) {
    const answer = await server.downloads({ key: picture.key, position }).catch(noAnswer);
    if (answer.error) return problem(answer.error);
    const link = h("a", { href: answer[kind], download: kind === "archive" ? answer.archive_name : answer.archive_name.replace(/\.pent$/, "-restored.png") });
    link.click();
    files.querySelector("output")?.remove();
    files.append(h("output", {}, `archive ${count(answer.archive_bytes, true)}, with its search code and directory`));
  }

  function showOnly(section) {
    for (const one of [empty, work, archive.element]) one.hidden = one !== section;
  }

  function problem(message) {
    trouble.replaceChildren(h("p", {}, message), button("Choose another file", { onclick: () => input.click() }));
    trouble.hidden = false;
  }

  // --- arriving from elsewhere, dropping, pasting ---

  watch("value", () => {
    const sent = typeof props.value === "string" && props.value ? JSON.parse(props.value) : null;
    if (sent) open(sent);
  });
  receiveFiles("compress", { over: (on) => root.classList.toggle("pm-compress-dropping", on), take: ([file]) => take(file) });

  function offerExamples() {
    const entry = chosen();
    examples.replaceChildren(...(entry?.examples ?? []).slice(0, 5).map((one) => h("button", {
      type: "button", "aria-label": `Compress ${one.alt}`, onclick: () => open({ gallery: entry.address, image_id: one.id }) },
      h("img", { src: one.thumbnail, alt: one.alt, loading: "lazy" }))));
  }
  onGalleries(offerExamples);
  subscribe((now, before) => {
    if (now.gallery === before?.gallery) return;
    offerExamples();
    if (picture && measured.get(position) && active()) compareSearch(ticket, position);
  });
}
