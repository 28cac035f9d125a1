// How a picture gets in: chosen, dropped, pasted or photographed; then uploaded as it is, never scaled down here.

import { button, bytes, h } from "./dom.js";
import { receiveFiles } from "./dropping.js";
import { navigate, NO_PICTURE, state } from "./store.js";

const MOST_ALSO = 8;
const previews = new Map(); // server path -> object URL of the file that was uploaded from this page

/** The URL that shows an upload at once, or null when it was uploaded before the page was loaded. */
export function previewOf(path) {
  return previews.get(path) ?? null;
}

/** Make an intake. `report(problem)` shows {title, message}; `busy(file or null)` shows that an upload runs. */
export function intake({ upload, mostBytes, report, busy }) {
  let running = 0;

  /** What is wrong with a file before it is sent, or null. */
  function fault(file) {
    if (file.size > mostBytes) {
      return { title: "This file is too large", message: `${file.name} has ${bytes(file.size)}; the most is ${bytes(mostBytes)}. Save a smaller copy and try again.` };
    }
    return file.size ? null : { title: "This file is empty", message: `${file.name} has no bytes. It may not have been copied completely.` };
  }

  /** Search with the first of several files, or with all of them when there is a query already and `adding` says so. */
  async function takeAll(files, adding = false) {
    const { id, upload: held } = state();
    const others = adding && (id !== null || held) ? files : files.slice(1);
    if (others.length < files.length && !(await take(files[0]))) return;
    const also = [];
    for (const file of others) {
      const wrong = fault(file);
      if (wrong) {
        report(wrong);
        return;
      }
      try {
        const { path, url } = await upload(file);
        previews.set(path, URL.createObjectURL(file));
        also.push({ upload: { path, url, name: file.name } });
      } catch {
        report({ title: "The upload did not arrive", message: `${file.name} could not be sent. Is the page still running? Try again.` });
        return;
      }
    }
    if (also.length) navigate({ also: [...state().also, ...also].slice(-MOST_ALSO), tab: "search", open: null, why: null });
  }

  /** Search with a file; returns whether it arrived. */
  async function take(file) {
    const ticket = ++running;
    const wrong = fault(file);
    if (wrong) {
      report(wrong);
      return false;
    }
    const preview = URL.createObjectURL(file);
    busy({ name: file.name, preview });
    try {
      const { path, url } = await upload(file);
      if (ticket !== running) return false;
      previews.set(path, preview);
      navigate({ ...NO_PICTURE, tab: "search", upload: { path, url, name: file.name } });
      return true;
    } catch (error) {
      if (ticket !== running) return false;
      const large = String(error).includes("size");
      report({
        title: "The upload did not arrive",
        message: large ? `The page takes files up to ${bytes(mostBytes)}.` : `${file.name} could not be sent. Is the page still running? Try again.`,
      });
      return false;
    } finally {
      if (ticket === running) busy(null);
    }
  }

  const input = h("input", {
    type: "file", accept: "image/*,.heic,.heif,.tif,.tiff,.jxl,.avif", class: "pm-file", "aria-label": "Choose a picture",
    multiple: true,
    onchange: () => {
      if (input.files[0]) takeAll([...input.files]);
      input.value = "";
    },
  });

  const ground = () => document.querySelector(".pm-search"); // not the body: Gradio puts its own container before every selector
  const adds = (event) => ground()?.classList.contains("pm-has-query") && event.clientX > innerWidth / 2; // the right half
  receiveFiles("search", {
    over: (on) => ground()?.classList.toggle("pm-dropping", on),
    moving: (event) => ground()?.classList.toggle("pm-adding-more", adds(event)),
    take: (files, event) => (event ? takeAll(files, adds(event)) : take(files[0])),
  });

  return { input, take, add: (files) => takeAll(files, true), camera: () => photograph(take, report) };
}

async function photograph(take, report) {
  if (!navigator.mediaDevices?.getUserMedia) {
    report({ title: "No camera here", message: "The browser gives a page the camera only on this computer or over https. Choose a file instead." });
    return;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch (error) {
    const refused = error.name === "NotAllowedError";
    report({
      title: refused ? "The camera is not allowed" : "No camera found",
      message: refused ? "Allow the camera for this page in the browser's address bar, or choose a file." : "Connect a camera, or choose a file.",
    });
    return;
  }
  const video = h("video", { autoplay: true, playsInline: true, muted: true, "aria-label": "What the camera sees" });
  video.srcObject = stream;
  const dialog = h("dialog", { class: "pm-camera", "aria-label": "Take a picture" }, video,
    h("div", { class: "pm-camera-tools" },
      button("Cancel", { onclick: () => dialog.close() }),
      button("Take the picture", { iconName: "camera", class: "pm-button pm-primary", onclick: shoot })));
  dialog.addEventListener("close", () => {
    stream.getTracks().forEach((track) => track.stop());
    dialog.remove();
  });
  document.querySelector(".pm-search").append(dialog);
  dialog.showModal();

  function shoot() {
    const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      dialog.close();
      if (blob) take(new File([blob], "photograph.jpg", { type: "image/jpeg" }));
    }, "image/jpeg", 0.95);
  }
}
