// Re-reads the list that a `data-autorefresh` checkbox names, every `data-seconds`. The address says what is shown, so
// filters and page stay; a list in which somebody has ticked rows, opened a menu or is typing is left alone.
(() => {
  "use strict";
  const KEY = "voronka.autorefresh";

  const isBusy = (list) =>
    document.hidden ||
    list.querySelector("input:checked") !== null ||
    list.contains(document.activeElement) ||
    String(window.getSelection()) !== "";

  const refresh = async (selector) => {
    const list = document.querySelector(selector);
    if (list && isBusy(list)) return;
    const answer = await fetch(window.location.href, { headers: { "X-Requested-With": "XMLHttpRequest" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector(selector);
    const known = document.querySelector(selector);
    // Somebody may have ticked a row while the answer was on its way.
    if (!fresh || !known) {
      if (fresh || known) window.location.reload();
      return;
    }
    if (isBusy(known)) return;
    const seen = new Set([...known.tBodies].map((row) => row.textContent.trim()));
    [...fresh.tBodies].forEach((row) => row.classList.toggle("v-new", !seen.has(row.textContent.trim())));
    if (known.tBodies.length === fresh.tBodies.length) {
      [...known.tBodies].forEach((row, index) => update(row, fresh.tBodies[index]));
      return;
    }
    known.replaceChildren(...fresh.children);
    const boxes = known.querySelectorAll("input.action-select");
    if (boxes.length && window.Actions) window.Actions(boxes);
  };

  // Django's script for ticking rows knows the boxes that were there when the page was opened, so a row keeps its box
  // and only takes over what the box stands for.
  const update = (row, fresh) => {
    const box = row.querySelector("input.action-select");
    const freshBox = fresh.querySelector("input.action-select");
    if (box && freshBox) {
      box.value = freshBox.value;
      freshBox.replaceWith(box);
    }
    row.classList.toggle("v-new", fresh.classList.contains("v-new"));
    row.replaceChildren(...fresh.children);
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-autorefresh]").forEach((box) => {
      let running = false;
      const remembered = () => {
        try {
          return window.localStorage.getItem(KEY) === "1";
        } catch {
          return false;
        }
      };
      box.checked = remembered();
      box.addEventListener("change", () => {
        try {
          window.localStorage.setItem(KEY, box.checked ? "1" : "0");
        } catch {
          // Private browsing: the choice lasts as long as the page.
        }
      });
      window.setInterval(async () => {
        if (!box.checked || running) return;
        running = true;
        try {
          await refresh(box.dataset.autorefresh);
        } catch {
          // The server is restarting or the network is away: the next turn tries again.
        } finally {
          running = false;
        }
      }, Number(box.dataset.seconds || 5) * 1000);
    });
  });
})();
