// What the theme leaves untold to a screen reader: where the page itself begins, and which field a search box is of.

// The boxes stand in the place of a <select>, whose label does not reach them.
function nameBoxes() {
  for (const box of document.querySelectorAll(".select2-selection[role=combobox]")) {
    const select = box.closest(".select2")?.previousElementSibling;
    const label = select?.id && document.querySelector(`label[for="${select.id}"]`);
    const chosen = box.querySelector(".select2-selection__rendered");
    if (!label || !chosen) continue;
    label.id ||= `${select.id}_label`;
    box.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
    chosen.setAttribute("aria-labelledby", label.id);
  }
}

addEventListener("DOMContentLoaded", () => {
  document.getElementById("main")?.setAttribute("role", "main");
  nameBoxes();
  new MutationObserver(nameBoxes).observe(document.body, { childList: true, subtree: true });
});
