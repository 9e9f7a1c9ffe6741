// Sorting, filtering and theme of the page; DataTables and Plotly do the work.
import DataTable from "datatables";

const place = document.getElementById("leaderboard");
const sections = JSON.parse(place.dataset.sections);
const columnsWith = (mark) =>
  [...place.tHead.rows[0].cells].flatMap((head, index) => (mark in head.dataset ? [index] : []));

// Unknown figures stay last, whichever way a column is sorted.
const known = (order) => (a, b) =>
  a === b ? 0 : a === null ? 1 : b === null ? -1 : order * (a < b ? -1 : 1);
DataTable.type("num-known", {
  className: "dt-type-numeric",
  detect: () => false,
  order: {
    pre: (text) => (text === "" || text === null ? null : Number(text)),
    asc: known(1),
    desc: known(-1),
  },
});

const table = new DataTable(place, {
  paging: false,
  autoWidth: false,
  order: [],
  orderFixed: { pre: [[0, "asc"]] },
  rowGroup: {
    dataSrc: 0,
    emptyDataGroup: null,
    startRender: (rows, section) =>
      section === "" ? null : document.createTextNode(sections[section]),
  },
  columnDefs: [
    { targets: columnsWith("numeric"), type: "num-known" },
    { targets: columnsWith("hidden"), visible: false },
    { targets: 0, columnControl: [] },
  ],
  columnControl: ["order", "searchDropdown"],
  ordering: { indicators: false },
  layout: {
    topStart: { search: { placeholder: "name, team, reason ...", text: "Filter _INPUT_" } },
    topEnd: {
      buttons: [
        { extend: "colvis", text: "Columns", columns: ":not(.fixed)", background: false },
      ],
    },
    bottomStart: "info",
    bottomEnd: null,
  },
});

const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");

// Where a finger scrolls the page it must not zoom a chart.
const touched = matchMedia("(pointer: coarse), (max-width: 600px)").matches;
const options = {
  responsive: true,
  displaylogo: false,
  displayModeBar: touched ? false : "hover",
  // No others: one of Plotly's own buttons sends the figure to its makers.
  modeBarButtons: [["toImage", "resetScale2d"]],
};

const themed = (layout) => {
  const style = getComputedStyle(document.documentElement);
  const [ink, soft, rule, card] = ["--ink", "--soft", "--rule", "--card"].map((name) =>
    style.getPropertyValue(name).trim(),
  );
  const lines = { gridcolor: rule, zerolinecolor: rule, linecolor: rule };
  return {
    ...layout,
    dragmode: touched ? false : "zoom",
    font: { color: ink, family: style.fontFamily },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
    hoverlabel: { ...layout.hoverlabel, bgcolor: card, font: { color: ink } },
    xaxis: { ...layout.xaxis, ...lines },
    yaxis: { ...layout.yaxis, ...lines },
  };
};

const draw = () => {
  document.documentElement.classList.toggle("dark", dark.matches); // What DataTables looks at.
  return Promise.all(
    Object.entries(figures).map(([id, { data, layout }]) =>
      Plotly.react(id, data, themed(layout), options),
    ),
  );
};

await draw();
dark.addEventListener("change", draw);

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
