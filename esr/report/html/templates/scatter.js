// Every submission along two axes of the reader's choice, with the Pareto front.
const LOOKS = {
  ranked: { colour: "#3b76e1", open: false },
  baseline: { colour: "#a05cc4", open: false },
  "not ranked": { colour: "#d98200", open: true },
  "failed since": { colour: "#d0453b", open: true },
};
const SHAPES = { 2: "diamond", 3: "square" };
const SIZE_OF = "Params [M]";
const [SMALLEST_PX, LARGEST_PX] = [8, 30];

const findFront = (points, x, y) => {
  const cost = (point, axis) => point.values[axis.column][0] * (axis.higher_is_better ? -1 : 1);
  // Who fails the gate has bought a cost with quality that the rules do not allow.
  const ranked = points.filter(({ group }) => group === "ranked" || group === "baseline");
  // Nobody is at another scale than the challenge's.
  const rivals = ranked.length ? ranked : [...points];
  const ordered = rivals.sort((a, b) => cost(a, x) - cost(b, x) || cost(a, y) - cost(b, y));
  const front = [];
  for (const point of ordered)
    if (front.length === 0 || cost(point, y) < cost(front.at(-1), y)) front.push(point);
  return front;
};

const valuesOf = (points, axis) => points.map((point) => point.values[axis.column][0]);

const diameter = (point, most) => {
  const size = point.values[SIZE_OF]?.[0];
  if (!size || !most) return SMALLEST_PX + 2;
  return Math.max(SMALLEST_PX, LARGEST_PX * Math.sqrt(size / most));
};

const bars = (group, axis) => ({
  type: "data",
  symmetric: false,
  visible: group.some((point) => point.values[axis.column][1] < point.values[axis.column][2]),
  array: group.map(({ values: { [axis.column]: [value, , high] } }) => high - value),
  arrayminus: group.map(({ values: { [axis.column]: [value, low] } }) => value - low),
  thickness: 1,
  width: 3,
});

const say = (value) => (Math.abs(value) >= 1000 ? value.toFixed(1) : value.toPrecision(5));

const pointAt = (point, x, y, onFront) =>
  [
    `<b>${point.name}</b>`,
    ...(point.rank === null ? [] : [`rank ${point.rank}`]),
    ...[x, y].map(({ column, title }) => `${title}: ${say(point.values[column][0])}`),
    ...(onFront ? ["on the Pareto front"] : []),
  ].join("<br>");

const traceGroup = (group, name, shape, x, y, most, front) => {
  const { colour, open } = LOOKS[name];
  return {
    type: "scatter",
    mode: "markers",
    name: shape.title ? `${name}, ${shape.title}` : name,
    x: valuesOf(group, x),
    y: valuesOf(group, y),
    error_x: { ...bars(group, x), color: colour },
    error_y: { ...bars(group, y), color: colour },
    hovertext: group.map((point) => pointAt(point, x, y, front.has(point))),
    hovertemplate: "%{hovertext}<extra></extra>",
    marker: {
      color: colour,
      symbol: `${shape.symbol}${open ? "-open" : ""}`,
      opacity: 0.8,
      size: group.map((point) => diameter(point, most)),
      line: { width: open ? 2 : 1, color: open ? colour : themeColour("--card") },
    },
  };
};

// Steps, since nothing between two networks was reached by any.
const traceFront = (front, title, x, y) => ({
  type: "scatter",
  mode: "lines",
  name: title ? `Pareto front, ${title}` : "Pareto front",
  x: valuesOf(front, x),
  y: valuesOf(front, y),
  line: { shape: "hv", dash: "dot", width: 1.5, color: themeColour("--soft") },
  hoverinfo: "skip",
});

const traceAll = (points, x, y) => {
  const most = Math.max(0, ...points.map((point) => point.values[SIZE_OF]?.[0] ?? 0));
  const scales = [...new Set(points.map((point) => point.scale))].sort();
  return scales.flatMap((scale) => {
    const members = points.filter((point) => point.scale === scale);
    const title = scales.length > 1 && scale ? `x${scale}` : "";
    const shape = { title, symbol: SHAPES[scale] ?? "circle" };
    const front = findFront(members, x, y);
    const groups = Object.keys(LOOKS).flatMap((name) => {
      const group = members.filter((point) => point.group === name);
      return group.length
        ? [traceGroup(group, name, shape, x, y, most, new Set(front))]
        : [];
    });
    return front.length > 1 ? [traceFront(front, title, x, y), ...groups] : groups;
  });
};

const gateLine = (gate, y) =>
  y.column === "Val PSNR" && gate !== null
    ? [
        {
          type: "line",
          line: { color: "#d0453b", width: 1.5, dash: "dash" },
          label: {
            text: `gate ${gate.toFixed(2)} dB`,
            textposition: "end",
            font: { color: "#d0453b", size: LABEL.size },
          },
          ...{ x0: 0, x1: 1, xref: "paper", y0: gate, y1: gate },
        },
      ]
    : [];

// In the order in which names are given room: the first, the baseline, the front, the others.
const byImportance = (points, x, y) => {
  const front = new Set(findFront(points, x, y));
  const weight = (point) =>
    point.rank === 1 ? 0 : point.group === "baseline" ? 1 : front.has(point) ? 2 : 3;
  return [...points].sort((a, b) => weight(a) - weight(b));
};

// The front as boxes that names keep clear of.
const boxFront = (points, x, y, place) => {
  const scales = [...new Set(points.map((point) => point.scale))];
  return scales.flatMap((scale) => {
    const front = findFront(
      points.filter((point) => point.scale === scale),
      x,
      y,
    ).map(place);
    return front.slice(1).flatMap((to, index) => {
      const from = front[index];
      return [
        boxAround((from.x + to.x) / 2, from.y, Math.abs(to.x - from.x), 2),
        boxAround(to.x, (from.y + to.y) / 2, 2, Math.abs(to.y - from.y)),
      ];
    });
  });
};

const annotate = (chart, points, x, y) => {
  const { xaxis, yaxis, _size: size } = chart._fullLayout;
  const family = getComputedStyle(document.documentElement).fontFamily;
  const most = Math.max(0, ...points.map((point) => point.values[SIZE_OF]?.[0] ?? 0));
  const area = { left: 0, right: xaxis._length, top: 0, bottom: yaxis._length };
  const place = (point) => {
    const along = xaxis.d2l(point.values[x.column][0]);
    const up = yaxis.d2l(point.values[y.column][0]);
    const radius = diameter(point, most) / 2;
    return { name: point.name, along, up, radius, x: xaxis.l2p(along), y: yaxis.l2p(up) };
  };
  const shown = byImportance(points, x, y)
    .map(place)
    .filter(({ x: px, y: py }) => px >= 0 && py >= 0 && px <= area.right && py <= area.bottom);
  const width = (text) => measureText(text, family);
  const words = [...chart.querySelectorAll(".shapelayer text")].map((text) => {
    const [box, frame] = [text, chart.querySelector(".nsewdrag")].map((element) =>
      element.getBoundingClientRect(),
    );
    const [left, top] = [box.left - frame.left, box.top - frame.top];
    return { left, top, right: left + box.width, bottom: top + box.height };
  });
  const places = placeLabels(shown, area, width, [...words, ...boxFront(points, x, y, place)]);
  return shown.flatMap((point, index) =>
    places[index] === null
      ? []
      : [
          {
            text: point.name,
            ...{ x: point.along, y: point.up, xref: "x", yref: "y" },
            ...{ ax: places[index].x - point.x, ay: places[index].y - point.y },
            showarrow: true,
            arrowhead: 0,
            arrowwidth: places[index].ring > RINGS[0] ? 0.8 : 0.1,
            arrowcolor: themeColour("--soft"),
            standoff: point.radius,
            font: { size: LABEL.size },
            borderpad: 0,
            captureevents: false,
          },
        ],
  );
};

const makeScatter = (figure, { axes, points, gate_db }) => {
  const chart = figure.querySelector(".chart");
  const { x: xs, y: ys, xlog, ylog } = figure.querySelector("form").elements;
  const find = (select) => axes.find((axis) => axis.column === select.value);
  const placed = () =>
    points.filter((point) => find(xs).column in point.values && find(ys).column in point.values);
  const suggest = () => {
    xlog.checked = isWide(valuesOf(placed(), find(xs)));
    ylog.checked = isWide(valuesOf(placed(), find(ys))) && !find(ys).higher_is_better;
  };
  let naming = false;
  const name = async () => {
    if (naming) return;
    naming = true;
    const annotations = annotate(chart, placed(), find(xs), find(ys));
    await Plotly.relayout(chart, { annotations });
    naming = false;
  };
  const draw = async () => {
    const [x, y] = [find(xs), find(ys)];
    const layout = {
      xaxis: axisOf(x.title, xlog.checked, valuesOf(placed(), x)),
      yaxis: axisOf(y.title, ylog.checked, valuesOf(placed(), y)),
      shapes: gateLine(gate_db, y),
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", itemsizing: "constant" },
      margin: { l: 10, r: 10, t: 10, b: 10 },
      height: points.length > 12 ? 640 : 440,
    };
    await Plotly.react(chart, traceAll(placed(), x, y), themed(layout), options);
    await name();
  };
  figure.querySelector("form").addEventListener("change", ({ target }) => {
    if (target === xs || target === ys) suggest();
    draw();
  });
  suggest();
  return { draw, name, chart };
};
