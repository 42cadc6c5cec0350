// Strips of links that a phone scrolls sideways begin where the current page is.

for (const strip of document.querySelectorAll(".nav-row, .tabs")) {
  const current = strip.querySelector("[aria-current]");
  if (current) strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.offsetWidth) / 2;
}
