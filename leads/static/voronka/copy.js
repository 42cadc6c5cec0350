// Copies what the element that a button names holds, and says so for a moment:
// <code id="token">…</code><button data-copy="#token" data-done="Copied" data-failed="Select and copy">Copy</button>

const TOLD_MS = 2500;

async function copied(source) {
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    return true;
  } catch {
    // The clipboard's interface exists on https and localhost only. What is selected is copied the old way, or by hand.
    source.closest("details")?.setAttribute("open", "");
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  button.dataset.label ??= button.textContent;
  const isCopied = await copied(document.querySelector(button.dataset.copy));
  button.textContent = isCopied ? button.dataset.done : button.dataset.failed;
  setTimeout(() => { button.textContent = button.dataset.label; }, TOLD_MS);
});
