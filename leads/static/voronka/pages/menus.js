// Menus are <details>: they open without us. We close them as people expect a menu to close.

const menus = () => document.querySelectorAll("details[data-menu][open]");

// Who goes on with the keyboard leaves a menu as who clicks elsewhere does; left open it would hide where the focus is.
for (const left of ["click", "focusin"])
  document.addEventListener(left, (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    const held = menu.contains(document.activeElement);
    menu.open = false;
    if (held) menu.querySelector("summary").focus();
  }
});

// A form that is being sent cannot be sent twice by an impatient second click.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button || event.target.method !== "post") return;
  if (button.getAttribute("aria-busy") === "true") event.preventDefault();
  button.setAttribute("aria-busy", "true");
});
// Coming back by the browser's own button finds the page as it was left: its buttons must work again, and its filters say
// what is shown, not what was chosen for the page after it.
window.addEventListener("pageshow", (event) => {
  const [opened] = performance.getEntriesByType("navigation");
  if (event.persisted) for (const button of document.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
  if (!event.persisted && opened?.type !== "back_forward") return;
  for (const form of document.querySelectorAll("form[method=get]")) form.reset();
});
