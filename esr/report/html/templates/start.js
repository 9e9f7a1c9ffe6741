// Everything is put together.
document.documentElement.classList.toggle("dark", dark.matches); // What DataTables looks at.
addStyles(await unpack("datatables-css"));
const [{ default: DataTable }, data] = await Promise.all([
  loadModule("datatables"),
  unpackJson("data"),
]);
nameNumbers(DataTable);
makeLeaderboard(DataTable);
makeCopyButtons(data.texts);
for (const img of document.querySelectorAll("img[data-picture]"))
  img.src = data.pictures[img.dataset.picture];
const lossy = document.getElementById("picture-quality");
if (lossy && data.quality !== null)
  lossy.textContent = `To keep the page small, pictures are WebP of quality ${data.quality}; the PNG files are in crops/.`;
document.querySelectorAll(".slider").forEach(makeSlider);
document
  .querySelectorAll("details.facts")
  .forEach((part, index) => listWhenOpened(part, data.facts[index]));
document.querySelectorAll("details.per-image").forEach((part) =>
  makeImageTable(part, data.images, DataTable),
);

const charts = [];
if (document.querySelector(".chart")) {
  await loadScript("plotly");
  document
    .querySelectorAll("figure.scatter")
    .forEach((figure) => charts.push(makeScatter(figure, data.scatter)));
  document
    .querySelectorAll("figure.boxes")
    .forEach((figure) => charts.push(makeBoxes(figure, data.images)));
  for (const [id, { data: traces, layout }] of Object.entries(data.figures)) {
    const chart = document.getElementById(id);
    const draw = () => Plotly.react(chart, traces, themed(layout), options);
    charts.push({ draw, chart, name: () => {} });
  }
}

const drawAll = () => Promise.all(charts.map(({ draw }) => draw()));
await drawAll();
for (const { chart, name } of charts) {
  // Names find new places when a chart is zoomed or gets another size.
  chart.on("plotly_relayout", (change) => "annotations" in change || name());
  new ResizeObserver(() => setTimeout(name, 300)).observe(chart);
}
dark.addEventListener("change", () => {
  document.documentElement.classList.toggle("dark", dark.matches);
  drawAll();
});

// On paper nothing can be opened; afterwards the screen is as it was.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:is(.remarks, .submission):not([open])")];
  for (const part of opened) part.open = true;
  onPaper = true;
  document.documentElement.classList.add("paper");
  document.documentElement.classList.remove("dark");
  drawAll();
});
addEventListener("afterprint", async () => {
  for (const part of opened) part.open = false;
  onPaper = false;
  document.documentElement.classList.remove("paper");
  document.documentElement.classList.toggle("dark", dark.matches);
  await drawAll();
  // Plotly keeps a width that is not stated any more.
  for (const { chart } of charts) Plotly.Plots.resize(chart);
});

const open = () => {
  const part = document.getElementById(location.hash.slice(1));
  if (part instanceof HTMLDetailsElement) {
    part.open = true;
    part.scrollIntoView();
  }
};
addEventListener("hashchange", open);
open();
document.documentElement.dataset.ready = "";
