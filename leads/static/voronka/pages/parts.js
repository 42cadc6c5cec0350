// What htmx leaves to us of the parts of a page that it reads.

// Nobody sees a hidden tab. A part that was not read yet (`aria-busy`) has no second turn.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && !event.detail.target.hasAttribute("aria-busy")) event.preventDefault();
});

document.addEventListener("htmx:afterRequest", ({ detail: { target, successful } }) => {
  const failed = target.querySelector("[data-failed]");
  if (failed) failed.hidden = Boolean(successful);
});
