// Copies the text of the element that a `data-copy` button names, and says so for a moment.
(() => {
  "use strict";

  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // Without https there is no clipboard object; the old way still works.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "v-offscreen";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    if (!source) return;
    const text = button.textContent;
    await copy(source.textContent.trim());
    button.textContent = button.dataset.done || text;
    window.setTimeout(() => {
      button.textContent = text;
    }, 1500);
  });
})();
