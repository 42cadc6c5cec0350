// Bars drawn from a table beside them: <figure data-chart><div data-plot></div>…<table>…</table></figure>.
// A row is a bar, named by its heading; a column of figures is a series, named by its heading, and those to the right are
// drawn over those to the left. Without us the table says the same.

const { uPlot } = window;
const HEIGHT = 190;
const WHOLE = [1, 10, 100, 1000, 10_000, 100_000].flatMap((unit) => [unit, 2 * unit, 5 * unit]);
const numbers = new Intl.NumberFormat(document.documentElement.lang);

// Asked for at each drawing, so that light and dark follow the style sheet.
const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function read(table) {
  const rows = [...table.tBodies[0].rows];
  const [, ...headings] = table.tHead.rows[0].cells;
  return {
    names: rows.map((row) => row.cells[0].textContent),
    series: headings.map((heading, index) => ({
      label: heading.textContent,
      values: rows.map((row) => Number(row.cells[index + 1].querySelector("data").value)),
    })),
  };
}

function options({ names, series }, width) {
  const axis = { stroke: color("--soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 10, 0, 0],
    cursor: { x: true, y: false, points: { show: false }, drag: { x: false, y: false } },
    select: { show: false },
    legend: { markers: { width: 0, fill: (_, index) => `var(--bar-${index})` } },
    scales: {
      x: { time: false, range: [-0.6, names.length - 0.4] },
      y: { range: (_, low, high) => [0, Math.max(high, 1) * 1.05] },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: 60,
        grid: { show: false },
        incrs: [1, 2, 3, 5, 7, 10, 14, 30],
        values: (_, at) => at.map((index) => names[index]),
      },
      {
        ...axis,
        size: 44,
        space: 36,
        grid: { stroke: color("--line"), width: 1 },
        incrs: WHOLE,
        values: (_, at) => at.map((value) => numbers.format(value)),
      },
    ],
    // The first is the row that the mouse is at; it has no label, and nothing to say while the mouse is elsewhere.
    series: [
      { label: "\u00a0", value: (_, index) => names[index] ?? "" },
      ...series.map(({ label }, index) => ({
        label,
        fill: color(`--bar-${index + 1}`),
        width: 0,
        paths: uPlot.paths.bars({ size: [0.72, 60] }),
        points: { show: false },
        value: (_, value) => (value == null ? "" : numbers.format(value)),
      })),
    ],
  };
}

for (const figure of document.querySelectorAll("[data-chart]")) {
  const place = figure.querySelector("[data-plot]");
  const table = read(figure.querySelector("table"));
  const data = [table.names.map((_, index) => index), ...table.series.map(({ values }) => values)];
  const plot = new uPlot(options(table, place.clientWidth), data, place);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
}
