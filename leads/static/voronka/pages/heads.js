// A table that fits its panel is marked: there the style sheet lets go of scrolling, and headings stay in view.

const watch = new ResizeObserver((entries) => {
  for (const { target } of entries) target.classList.toggle("fits", target.firstElementChild.offsetWidth <= target.clientWidth);
});
for (const place of document.querySelectorAll("main > .stack > .panel > .scroll")) watch.observe(place);
