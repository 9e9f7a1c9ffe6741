// The leaderboard and the table of images: sorted and filtered by DataTables.
const columnsWith = (table, mark) =>
  [...table.tHead.rows[0].cells].flatMap((head, index) => (mark in head.dataset ? [index] : []));

// Unknown figures stay last, whichever way a column is sorted.
const known = (order) => (a, b) =>
  a === b ? 0 : a === null ? 1 : b === null ? -1 : order * (a < b ? -1 : 1);

const nameNumbers = (DataTable) =>
  DataTable.type("num-known", {
    className: "dt-type-numeric",
    detect: () => false,
    order: {
      pre: (text) => (text === "" || text === null ? null : Number(text)),
      asc: known(1),
      desc: known(-1),
    },
  });

const lookAt = (frame) => {
  // Says at its edge that a table goes on beyond it.
  const mark = () => {
    const hidden = frame.scrollWidth - frame.clientWidth - frame.scrollLeft;
    frame.closest(".table").classList.toggle("goes-on", hidden > 2);
  };
  frame.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(frame);
  new ResizeObserver(mark).observe(frame.firstElementChild);
};

const makeLeaderboard = (DataTable) => {
  const place = document.getElementById("leaderboard");
  const sections = JSON.parse(place.dataset.sections);
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
      { targets: columnsWith(place, "numeric"), type: "num-known" },
      { targets: columnsWith(place, "hidden"), visible: false },
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
      bottomStart: place.tBodies[0].rows.length > 1 ? "info" : null,
      bottomEnd: null,
    },
  });
  lookAt(place.parentElement);
  return table;
};
