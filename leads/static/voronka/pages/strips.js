// Strips of links that a phone scrolls sideways begin where the current page is, and follow the keyboard: a browser leaves
// a link that is half in view as it is.

function show(strip, link) {
  strip.scrollLeft = link.offsetLeft - strip.offsetLeft - (strip.clientWidth - link.offsetWidth) / 2;
}

for (const strip of document.querySelectorAll(".nav-row, .tabs")) {
  const current = strip.querySelector("[aria-current]");
  if (current) show(strip, current);
  // Not what a mouse presses: it would have moved away before the mouse lets go.
  strip.addEventListener("focusin", ({ target }) => {
    if (target.matches(":focus-visible")) show(strip, target);
  });
}
