// Copy buttons: <div data-copy><input readonly …><button data-done="Copied" data-failed="…">Copy</button></div>

const TOLD_MS = 2500;

// The clipboard's own interface exists on https and localhost only.
async function copy(input) {
  input.select();
  if (navigator.clipboard) return navigator.clipboard.writeText(input.value);
  if (!document.execCommand("copy")) throw new Error("refused");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy] button");
  if (!button) return;
  button.dataset.label ??= button.textContent;
  try {
    await copy(button.closest("[data-copy]").querySelector("input"));
    button.textContent = button.dataset.done;
  } catch {
    button.textContent = button.dataset.failed;
  }
  setTimeout(() => { button.textContent = button.dataset.label; }, TOLD_MS);
});
