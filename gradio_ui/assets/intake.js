// How a picture gets in: chosen, dropped, pasted or photographed; then uploaded as it is, never scaled down here.

import { button, bytes, h } from "./dom.js";
import { navigate, NO_PICTURE, state } from "./store.js";

const previews = new Map(); // server path -> object URL of the file that was uploaded from this page

/** The URL that shows an upload at once, or null when it was uploaded before the page was loaded. */
export function previewOf(path) {
  return previews.get(path) ?? null;
}

/** Make an intake. `report(problem)` shows {title, message}; `busy(file or null)` shows that an upload runs. */
export function intake({ upload, mostBytes, report, busy }) {
  let running = 0;

  async function take(file) {
    const ticket = ++running;
    if (file.size > mostBytes) {
      report({ title: "This file is too large", message: `${file.name} has ${bytes(file.size)}; the most is ${bytes(mostBytes)}. Save a smaller copy and try again.` });
      return;
    }
    if (file.size === 0) {
      report({ title: "This file is empty", message: `${file.name} has no bytes. It may not have been copied completely.` });
      return;
    }
    const preview = URL.createObjectURL(file);
    busy({ name: file.name, preview });
    try {
      const { path, url } = await upload(file);
      if (ticket !== running) return;
      previews.set(path, preview);
      navigate({ ...NO_PICTURE, tab: "search", upload: { path, url, name: file.name } });
    } catch (error) {
      if (ticket !== running) return;
      const large = String(error).includes("size");
      report({
        title: "The upload did not arrive",
        message: large ? `The page takes files up to ${bytes(mostBytes)}.` : `${file.name} could not be sent. Is the page still running? Try again.`,
      });
    } finally {
      if (ticket === running) busy(null);
    }
  }

  const input = h("input", {
    type: "file", accept: "image/*,.heic,.heif,.tif,.tiff,.jxl,.avif", class: "pm-file", "aria-label": "Choose a picture",
    onchange: () => {
      if (input.files[0]) take(input.files[0]);
      input.value = "";
    },
  });

  document.addEventListener("paste", (event) => {
    if (state().tab !== "search" || event.target.closest?.("input, textarea")) return;
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file) {
      event.preventDefault();
      take(file);
    }
  });
  const hasFiles = (event) => state().tab === "search" && [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const over = (on) => document.body.classList.toggle("pm-dropping", on);
  document.addEventListener("dragenter", (event) => hasFiles(event) && (depth++, over(true)));
  document.addEventListener("dragleave", (event) => hasFiles(event) && --depth <= 0 && over(false));
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    const file = event.dataTransfer.files[0];
    if (file) take(file);
  });

  return { input, take, camera: () => photograph(take, report) };
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
