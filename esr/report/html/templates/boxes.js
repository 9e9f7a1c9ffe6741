// Every image of every submission as boxes, and as a table; data set and metric are chosen.
const RUNTIME = "runtime";
const titleOf = (metric) =>
  metric === RUNTIME
    ? "Runtime of an image [ms]"
    : `${escapeHtml(metric.toUpperCase())} of an image`;

const optionOf = (metric, isChosen) =>
  new Option(metric === RUNTIME ? "runtime" : metric.toUpperCase(), metric, false, isChosen);

const boxesOf = (models, set, metric) => {
  const rows = set.values[metric];
  const shown = models.flatMap((_, index) => (rows[index] ? [index] : []));
  const boxes = {
    type: "box",
    orientation: "h",
    x: shown.flatMap((model) => rows[model].filter((value) => value !== null)),
    y: shown.flatMap((model, row) => rows[model].filter((value) => value !== null).map(() => row)),
    text: shown.flatMap((model) =>
      set.images.filter((_, image) => rows[model][image] !== null).map(escapeHtml),
    ),
    boxpoints: "outliers",
    boxmean: true,
    marker: { color: metric === RUNTIME ? "#d98200" : "#3b76e1", size: 4 },
    line: { width: 1.2 },
    name: "images",
    showlegend: false,
  };
  return { boxes, shown };
};

const escapeHtml = (text) =>
  text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

// The mean that is ranked by, with its 95 % interval where it was repeated.
const intervalsOf = (runtimes, shown) => {
  const known = shown.flatMap((model, row) =>
    runtimes[model] ? [{ row, runtime: runtimes[model] }] : [],
  );
  return {
    type: "scatter",
    mode: "markers",
    name: "ranked runtime, 95 % interval",
    x: known.map(({ runtime }) => runtime[0]),
    y: known.map(({ row }) => row),
    error_x: {
      type: "data",
      symmetric: false,
      array: known.map(({ runtime: [value, , high] }) => high - value),
      arrayminus: known.map(({ runtime: [value, low] }) => value - low),
    },
    marker: { symbol: "line-ns-open", size: 14, color: themeColour("--ink") },
  };
};

const makeBoxes = (figure, { models, runtimes, sets }) => {
  const chart = figure.querySelector(".chart");
  const { set: chosen, metric, log } = figure.querySelector("form").elements;
  const fill = () => {
    const kept = metric.value || figure.dataset.metric;
    const metrics = Object.keys(sets[chosen.value].values);
    metric.replaceChildren(...metrics.map((each) => optionOf(each, each === kept)));
    log.checked = isWide(boxesOf(models, sets[chosen.value], metric.value).boxes.x);
  };
  const draw = async () => {
    const set = sets[chosen.value];
    const { boxes, shown } = boxesOf(models, set, metric.value);
    const isRuntime = metric.value === RUNTIME;
    figure.querySelector(".chosen").textContent = `Data set: ${chosen.selectedOptions[0].text}`;
    const layout = {
      // Positions rather than names: two names may look alike once they are cut.
      yaxis: {
        tickvals: shown.map((_, row) => row),
        ticktext: shown.map((model) => models[model]),
        range: [shown.length - 0.5, -0.5],
        automargin: true,
      },
      xaxis: { ...axisOf(titleOf(metric.value), log.checked, boxes.x), side: "top" },
      legend: { orientation: "h", x: 0, y: -0.01, yanchor: "top" },
      margin: { l: 10, r: 10, t: 60, b: 30 },
      height: 110 + 24 * shown.length,
    };
    const data = isRuntime ? [boxes, intervalsOf(runtimes, shown)] : [boxes];
    await Plotly.react(chart, data, themed(layout), options);
  };
  fill();
  figure.querySelector("form").addEventListener("change", ({ target }) => {
    if (target !== log) fill();
    draw();
  });
  return { draw, chart, name: () => {} };
};

// Rows are images, columns submissions; built when it is opened.
const makeImageTable = (part, { models, sets }, DataTable) => {
  const frame = part.querySelector(".frame");
  const { set: chosen, metric } = part.querySelector("form").elements;
  const cell = (value) => ({ shown: value === null ? "" : value.toFixed(value >= 100 ? 1 : 3), value });
  const build = () => {
    const set = sets[chosen.value];
    const rows = set.values[metric.value];
    const columns = models.flatMap((_, index) => (rows[index] ? [index] : []));
    const table = document.createElement("table");
    table.className = "display compact images";
    frame.replaceChildren(table);
    new DataTable(table, {
      data: set.images.map((image, at) => [image, ...columns.map((model) => cell(rows[model][at]))]),
      columns: [
        { title: "Image", className: "name", render: DataTable.render.text() },
        ...columns.map((model) => ({
          title: models[model],
          type: "num-known",
          render: { _: "value", display: "shown" },
        })),
      ],
      ...{ paging: set.images.length > 25, pageLength: 25, autoWidth: false, order: [] },
      layout: { topStart: null, topEnd: null, bottomStart: null },
    });
  };
  const fill = () => {
    const metrics = Object.keys(sets[chosen.value].values);
    const kept = metrics.includes(metric.value) ? metric.value : metrics[0];
    metric.replaceChildren(...metrics.map((each) => optionOf(each, each === kept)));
  };
  fill();
  part.querySelector("form").addEventListener("change", ({ target }) => {
    if (target === chosen) fill();
    build();
  });
  part.addEventListener("toggle", () => part.open && !frame.firstElementChild && build());
};
