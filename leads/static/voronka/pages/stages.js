// A stage's switch is a form of its own and works without us; with us the page stays where it is.

import { toast } from "./toast.js";

async function send(form, button) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/json" },
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  button.setAttribute("aria-checked", String(body.is_qualified_stage));
  form.elements.is_qualified_stage.value = String(!body.is_qualified_stage);
  toast(body.message);
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-switch]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("[role=switch]");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await send(form, button);
  } catch (error) {
    const isOurs = error instanceof Error && !(error instanceof TypeError || error instanceof SyntaxError);
    toast(isOurs ? error.message : form.dataset.failed, "error");
  } finally {
    button.removeAttribute("aria-busy");
  }
}, true);
