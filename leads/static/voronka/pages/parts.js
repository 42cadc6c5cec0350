// What htmx leaves to us of the parts of a page that it reads.

// Of each part whose reading fails: how often in a row, and how many of its turns are still to be left out.
const failing = new WeakMap();
const MOST_TURNS = 15;

// Nobody sees a hidden tab, and a server in trouble is asked less and less. A part that was not read yet (`aria-busy`) has
// no second turn, and what a person does is no turn at all.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { target, requestConfig } = event.detail;
  if (requestConfig.verb !== "get" || target.hasAttribute("aria-busy")) return;
  const failure = failing.get(target);
  if (document.hidden) event.preventDefault();
  else if (failure?.left > 0) {
    failure.left -= 1;
    event.preventDefault();
  }
});

document.addEventListener("htmx:afterRequest", ({ detail: { target, successful } }) => {
  const said = target.querySelector("[data-failed]");
  if (said) said.hidden = Boolean(successful);
  if (successful) failing.delete(target);
  else {
    const times = (failing.get(target)?.times ?? 0) + 1;
    failing.set(target, { times, left: Math.min(2 ** (times - 1) - 1, MOST_TURNS) });
  }
});
