// A short message in the corner; screen readers hear it, since the corner is a live region.

const SHOWN_MS = 6000;

export function toast(text, kind = "success") {
  const corner = document.querySelector("[data-toasts]");
  const note = document.createElement("div");
  note.className = `note ${kind}`;
  note.textContent = text;
  corner.replaceChildren(note);
  setTimeout(() => note.remove(), SHOWN_MS);
}
